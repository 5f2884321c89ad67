import { knownKeys } from '../options.ts'
import type { Interval, Signal, SignalContext, SignalReader, Thresholds } from './signal.ts'
import { parseThresholds } from './signal.ts'
import { Turn } from './turn.ts'

export interface EventLoopDelayOptions extends Thresholds {
  /**
   * Milliseconds that a request has waited for the event loop from which there is pressure.
   *
   * @default 10: one handler's length; what is shorter is no queue
   */
  readonly from?: number
  /**
   * Milliseconds at which pressure is 1: even `critical` requests are refused.
   *
   * @default 700: what a client that waits a second can spare, with the answer still to be made
   */
  readonly to?: number
}

const defaults = { from: 10, to: 700 }
const longest = 60_000

/**
 * How long requests wait for the event loop: the work in front of them in its present turn, and the
 * turn before, in which they may have come. It is told at the moment of each request, not by a timer
 * that an overloaded loop keeps waiting as well. The pressure is the logarithm of the wait, so that each
 * priority is let wait some times as long as the one below it.
 *
 * Only a loop that is hardly ever idle is overloaded (CoDel's idea: a queue that empties is a burst).
 */
export function eventLoopDelay(options: EventLoopDelayOptions = {}): Signal {
  knownKeys('eventLoopDelay', options, ['from', 'to'])
  const thresholds = parseThresholds(options, defaults, longest)
  return {
    name: 'eventLoopDelay',
    start: (context) => new LoopDelayReader(thresholds, context),
  }
}

/** Milliseconds over which the loop's idle time is averaged. */
const memoryMs = 250
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
  readonly #turn: Turn
  #busyRatio = 0
  #readAt: number
  #activeMs: number

  constructor({ from, to }: Required<Thresholds>, { clock, process }: SignalContext) {
    this.#fromMs = Math.max(from, 0.1)
    this.#range = Math.log(to / this.#fromMs)
    this.#process = process
    this.#turn = new Turn(clock, process)
    this.#readAt = clock.now()
    this.#activeMs = process.loopActiveMs()
  }

  read({ now, durationMs, lateMs }: Interval): number {
    const activeMs = this.#process.loopActiveMs()
    const busy = Math.min(1, Math.max(0, (activeMs - this.#activeMs) / durationMs))
    this.#activeMs = activeMs
    this.#busyRatio = blend(this.#busyRatio, busy, durationMs)
    this.#readAt = now
    this.#turn.wasLate(lateMs)
    return this.#pressure(this.#turn.previousMs, this.#busyRatio)
  }

  atRequest(now: number): number {
    const waitMs = this.#turn.enter(now)
    if (waitMs <= this.#fromMs) return 0
    return this.#pressure(waitMs, blend(this.#busyRatio, 1, now - this.#readAt))
  }

  woke(now: number): void {
    this.#turn.restart(now)
    this.#readAt = now
    this.#activeMs = this.#process.loopActiveMs()
  }

  #pressure(waitMs: number, busyRatio: number): number {
    const overload = Math.min(1, Math.max(0, (busyRatio - busyFrom) / (busyTo - busyFrom)))
    if (overload === 0 || waitMs <= this.#fromMs) return 0
    return overload * Math.min(1, Math.log(waitMs / this.#fromMs) / this.#range)
  }
}

/** An exponentially weighted mean after one more stretch of time. */
function blend(mean: number, value: number, durationMs: number): number {
  return value + (mean - value) * Math.exp(-Math.min(durationMs, longestEvidenceMs) / memoryMs)
}
