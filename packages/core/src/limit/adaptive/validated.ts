import type { Sample } from '../limit.ts'

/** Part of the limit that may be used at any time. */
const leastRatio = 0.5
/** Room for the experiment above the limit. */
const mostRatio = 1.5
/** By how much a call that did not meet the limit lowers what is validated. */
const unmetStep = 0.05

/**
 * How much of the limit recent calls have used, so that it is known to be good now; as TCP does with a
 * congestion window that was not filled (RFC 7661).
 *
 * A limit says little about a downstream that has just become ten times slower while it was not met:
 * all that is free of it would be taken at once, in the order of arrival, before any call has come
 * back to tell. So half of it is free at any time and the rest opens by a call for each call that
 * ends. Meanwhile calls wait, and the important ones among them are first.
 */
export class Validated {
  #calls = Infinity

  /** What may be in flight under this limit. */
  cap(limit: number): number {
    return Math.min(limit, Math.max(1, Math.ceil(this.#calls)))
  }

  /** `limit`: the settled one. */
  observe({ waitedMs, inFlight }: Sample, limit: number): void {
    const calls = Math.min(this.#calls, mostRatio * limit)
    const isMet = waitedMs > 0 || inFlight >= Math.min(limit, calls)
    this.#calls = isMet ? calls + 1 : Math.max(leastRatio * limit, calls - unmetStep)
  }
}
