import { farBelowKnee } from './settle.ts'

/** Part by which a limit sinks per pair of slots while it is not used. */
const sinkRatio = 0.04
/** What is left above the calls that are in flight. */
const room = 1.1

/**
 * What becomes of a limit that calls do not reach. Nothing is learned about it any more, so it sinks
 * towards what is used. Otherwise an instance that joins others before a database, and by its first
 * guess gets a limit above its share, would never meet that limit and keep it for good. Should the
 * calls come back, and more of them in flight be more of them served, so does the limit, at once.
 */
export class Unused {
  #before = 0

  /** `inFlight`: mean calls in flight, Infinity when it is not known; `floor`: never below. */
  sink(limit: number, inFlight: number, floor: number): number {
    const least = Math.max(floor, room * inFlight)
    if (limit <= least) return limit
    this.#before = Math.max(this.#before, limit)
    return Math.max(least, (1 - sinkRatio) * limit)
  }

  /** The limit is met again; `elasticityAtMost`: what the elasticity then surely does not exceed. */
  restore(limit: number, elasticityAtMost: number): number {
    const before = this.#before
    this.#before = 0
    return elasticityAtMost < farBelowKnee ? Math.max(limit, before) : limit
  }
}
