import type { ProcessFacts } from './process-facts.ts'

/** A gap shorter than this is a slow turn of the event loop. */
const shortestMs = 1000
/** Part of a gap for which the process had a processor, if it was at work. */
const workingRatio = 0.5

/**
 * Tells a process that stood still (a laptop's lid, a virtual machine that was moved, SIGSTOP, a frozen
 * Lambda) from one that was too busy: one that works uses its processor. A process that a slow disk
 * blocks for more than a second is taken for one that stood still, since refusing requests would not
 * make the disk faster.
 */
export class FreezeDetector {
  readonly #process: Pick<ProcessFacts, 'cpuMs'>
  #seenAt: number
  /** At some moment not after `seenAt`. */
  #cpuMs: number

  constructor(process: Pick<ProcessFacts, 'cpuMs'>, now: number) {
    this.#process = process
    this.#seenAt = now
    this.#cpuMs = process.cpuMs()
  }

  /** The process is seen to run; whether it has stood still until now. */
  hasFrozen(now: number): boolean {
    const gapMs = now - this.#seenAt
    this.#seenAt = now
    return gapMs >= shortestMs && this.#usedMs() < workingRatio * gapMs
  }

  /** Called now and then, so that what was used before a gap does not count as used in it. */
  remember(): void {
    this.#cpuMs = this.#process.cpuMs()
  }

  #usedMs(): number {
    const before = this.#cpuMs
    this.#cpuMs = this.#process.cpuMs()
    return this.#cpuMs - before
  }
}
