import type { Clock } from '../clock.ts'
import type { ProcessFacts } from './process-facts.ts'

/** What lies between two turns of a busy loop: timers and callbacks, little against the turns. */
const idleMs = 1
const idleRatio = 0.1

/**
 * The present turn of the event loop, as far as requests are concerned. All that were ready when the
 * loop last polled are handled one after the other, so each has waited for those in front of it; and it
 * may have come at any time while the turn before was handled.
 */
export class Turn {
  readonly #clock: Clock
  readonly #process: ProcessFacts
  readonly #onEnd: () => void
  /** Undefined between turns. */
  #startedAt: number | undefined
  #previousMs = 0
  #endedAt = 0

  constructor(clock: Clock, process: ProcessFacts) {
    this.#clock = clock
    this.#process = process
    this.#onEnd = () => {
      this.#end()
    }
  }

  /** How long the turn before took, in milliseconds. */
  get previousMs(): number {
    return this.#previousMs
  }

  /** A request is handled now; returns how long it may have waited, in milliseconds. */
  enter(now: number): number {
    if (this.#startedAt === undefined) this.#start(now)
    return this.#previousMs + now - this.#startedAt!
  }

  /** A timer was late by so much: there was work in the turn that came by no request. */
  wasLate(lateMs: number): void {
    this.#previousMs = Math.max(this.#previousMs, lateMs)
    this.#endedAt = this.#clock.now()
  }

  /** What went before says nothing. */
  restart(now: number): void {
    if (this.#startedAt !== undefined) this.#startedAt = now
    this.#previousMs = 0
  }

  #start(now: number): void {
    this.#startedAt = now
    // The loop had time to wait: nobody is left of the turn before.
    if (now - this.#endedAt > idleRatio * this.#previousMs + idleMs) this.#previousMs = 0
    this.#process.afterPoll(this.#onEnd)
  }

  #end(): void {
    if (this.#startedAt === undefined) return
    this.#endedAt = this.#clock.now()
    this.#previousMs = this.#endedAt - this.#startedAt
    this.#startedAt = undefined
  }
}
