import type { Decision } from './reason.ts'

/** Latency of this many times the usual lowest is taken for congestion. */
const congestedLog = Math.log(1.6)
/** Part of the way that the lowest latency follows the present one per pair of slots. */
const forgetRatio = 0.002

/** An elasticity that is surely smaller proves that concurrency is not the cause. */
const harmlessElasticity = 0.1
/** What a vetoed growth becomes: while all the others do the same, latency comes back. */
const retreat = 0.99
/** And where it ends: a lone instance may be right and merely unable to prove it. */
const deepestRetreat = 0.8

/**
 * Whether calls have become slow little by little, against the lowest latency remembered.
 *
 * An instance among many whose clocks disagree sees but a part of the slope: it grows, and so do all
 * the others. While calls are congested the limit may therefore move only below where it was when
 * that began, unless it is proven that concurrency is not the cause. A sudden jump of latency is the
 * downstream's own doing and moves the reference along.
 */
export class Congestion {
  #lowest: number | undefined
  #ceiling = Infinity
  #bottom = 0

  /** `level`: logarithm of the usual latency; `limit`: the limit it was seen under. */
  observe(level: number, limit: number): void {
    const lowest = Math.min(this.#lowest ?? level, level)
    if (level < lowest + congestedLog) {
      this.#lowest = lowest + forgetRatio * (level - lowest)
      this.#ceiling = Infinity
      return
    }
    this.#lowest = lowest
    if (this.#ceiling !== Infinity) return
    this.#ceiling = limit
    this.#bottom = deepestRetreat * limit
  }

  /** Latency has been no higher than this: known from the search, before a pair could tell. */
  remember(level: number): void {
    this.#lowest = Math.min(this.#lowest ?? level, level)
  }

  /** The downstream itself got slower or faster by this logarithm. */
  shift(jump: number): void {
    if (this.#lowest !== undefined) this.#lowest += jump
  }

  /**
   * What becomes of a move while calls are congested. `elasticityAtMost`: what the elasticity surely
   * does not exceed.
   */
  veto(limit: number, move: Decision, elasticityAtMost: number): Decision {
    if (move.limit <= limit || move.limit <= this.#ceiling) return move
    if (elasticityAtMost < harmlessElasticity) {
      this.#ceiling = move.limit
      return move
    }
    this.#ceiling = Math.max(Math.min(limit, this.#bottom), retreat * limit)
    return { limit: this.#ceiling, reason: 'congested' }
  }
}
