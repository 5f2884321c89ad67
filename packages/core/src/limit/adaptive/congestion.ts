import type { Decision } from './reason.ts'

/** Latency of this many times the usual lowest is taken for congestion. */
const congestedLog = Math.log(1.6)
/** And of less than this many times for its end: what one pair says is noisy. */
const relievedLog = Math.log(1.4)
/** Part of the way that the lowest latency follows the present one per pair of slots. */
const forgetRatio = 0.002
/** By how much the limit may grow on a proof: more of it moves what others see of the downstream. */
const provenGrowth = 1.3
/** What a vetoed growth becomes: while all the others do the same, latency comes back. */
const retreat = 0.99
/** And where it ends: a lone instance may be right and merely unable to prove it. */
const deepestRetreat = 0.8

/**
 * Whether calls have become slow little by little, against what they took when they first met the
 * limit.
 *
 * An instance among many whose clocks disagree sees but a part of the slope: it grows, and so do all
 * the others. While calls are congested the limit may therefore grow only on proof that concurrency
 * is not the cause. A sudden jump of latency is the downstream's own doing and moves the reference
 * along.
 */
export class Congestion {
  #lowest: number | undefined
  #ceiling = Infinity
  #bottom = 0

  get isCongested(): boolean {
    return this.#ceiling !== Infinity
  }

  /** Calls meet the limit again; `level`: logarithm of what they took until then. */
  begin(level: number): void {
    this.#lowest = level
    this.#ceiling = Infinity
  }

  /** The downstream itself got slower or faster by this logarithm. */
  shift(jump: number): void {
    if (this.#lowest !== undefined) this.#lowest += jump
  }

  /** What becomes of a move from `limit`, when calls take `level`. */
  veto(level: number, limit: number, move: Decision, isProvenHarmless: boolean): Decision {
    const lowest = Math.min(this.#lowest ?? level, level)
    this.#lowest = lowest + forgetRatio * (level - lowest)
    if (level < lowest + (this.isCongested ? relievedLog : congestedLog)) {
      this.#ceiling = Infinity
      return move
    }
    if (!this.isCongested) this.#allow(limit, limit)
    if (move.limit <= limit || move.limit <= this.#ceiling) return move
    if (isProvenHarmless) {
      this.#allow(provenGrowth * limit, limit)
      return { ...move, limit: Math.min(move.limit, this.#ceiling) }
    }
    this.#ceiling = Math.max(Math.min(limit, this.#bottom), retreat * limit)
    return { limit: this.#ceiling, reason: 'congested' }
  }

  #allow(ceiling: number, limit: number): void {
    this.#ceiling = ceiling
    this.#bottom = deepestRetreat * limit
  }
}
