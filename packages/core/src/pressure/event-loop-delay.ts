import { knownKeys } from '../options.ts'
import type { Interval, Signal, SignalContext, SignalReader, Thresholds } from './signal.ts'
import { parseThresholds } from './signal.ts'

export interface EventLoopDelayOptions extends Thresholds {
  /**
   * Milliseconds by which the event loop is late from which there is pressure.
   *
   * @default 100: handlers of some ten milliseconds make a loop as late as that when all is well
   */
  readonly from?: number
  /**
   * Milliseconds at which pressure is 1.
   *
   * @default 1000: nobody who waits a second is answered in time any more
   */
  readonly to?: number
}

const longest = 60_000

/**
 * By how much the event loop is late. Requests that make it late by themselves wait in the run queue,
 * by priority; this is for what no request can be asked to wait for: timers, messages, work that goes
 * on behind the answers. The pressure is the logarithm of the delay. Only a loop that is hardly ever
 * idle is overloaded (the idea of CoDel: a queue that empties is a burst).
 */
export function eventLoopDelay(options: EventLoopDelayOptions = {}): Signal {
  knownKeys('eventLoopDelay', options, ['from', 'to'])
  const thresholds = parseThresholds(options, { from: 100, to: 1000 }, longest)
  return {
    name: 'eventLoopDelay',
    start: (context) => new LoopDelayReader(thresholds, context),
  }
}

/** Milliseconds over which the loop's idle time is averaged. */
const memoryMs = 500
/**
 * What a single turn counts for at the most, in milliseconds: a handler that blocks for seconds now
 * and then is no overload.
 */
const longestEvidenceMs = 500
/** Part of the time that a loop is busy at which it begins to count as overloaded, and does. */
const busyFrom = 0.9
const busyTo = 0.99

class LoopDelayReader implements SignalReader {
  readonly #fromMs: number
  /** Logarithm of `to` as a multiple of `from`. */
  readonly #range: number
  readonly #process: SignalContext['process']
  #busyRatio = 0
  #activeMs: number

  constructor({ from, to }: Required<Thresholds>, { process }: SignalContext) {
    this.#fromMs = Math.max(from, 0.1)
    this.#range = Math.log(to / this.#fromMs)
    this.#process = process
    this.#activeMs = process.loopActiveMs()
  }

  read({ durationMs, lateMs }: Interval): number {
    const activeMs = this.#process.loopActiveMs()
    const busy = Math.min(1, Math.max(0, (activeMs - this.#activeMs) / durationMs))
    this.#activeMs = activeMs
    const kept = Math.exp(-Math.min(durationMs, longestEvidenceMs) / memoryMs)
    this.#busyRatio = busy + (this.#busyRatio - busy) * kept
    return this.#overload() * this.#lateness(lateMs)
  }

  woke(): void {
    this.#activeMs = this.#process.loopActiveMs()
  }

  #overload(): number {
    return Math.min(1, Math.max(0, (this.#busyRatio - busyFrom) / (busyTo - busyFrom)))
  }

  #lateness(lateMs: number): number {
    if (lateMs <= this.#fromMs) return 0
    return Math.min(1, Math.log(lateMs / this.#fromMs) / this.#range)
  }
}
