import type { Sample } from '../limit.ts'

/** Weight of a new call: about the last twenty count. */
const weight = 0.05
/** Where the present is asked for: about the last eight. */
const recentWeight = 1 / 8
/** Weight of a new call in the share of dropped ones: six in a row out of nothing are a blackout. */
const dropWeight = 1 / 8
/** Above this share of dropped calls the downstream is not slow but gone. */
const blackoutRatio = 0.5

/** How calls fare at present, by exponentially weighted means. */
export class Pace {
  #durationMs = 0
  #squaredMs = 0
  /** Part of its caller's patience that a call takes. */
  latenessRatio = 0
  /** What the last eight calls took. */
  recentMs = 0
  #droppedRatio = 0

  add({ durationMs, patienceMs, outcome }: Sample): void {
    this.recentMs += recentWeight * (durationMs - this.recentMs)
    this.#durationMs += weight * (durationMs - this.#durationMs)
    this.#squaredMs += weight * (durationMs * durationMs - this.#squaredMs)
    this.latenessRatio += weight * (durationMs / patienceMs - this.latenessRatio)
    this.#droppedRatio += dropWeight * ((outcome === 'dropped' ? 1 : 0) - this.#droppedRatio)
  }

  /**
   * Milliseconds that a call takes which is in flight at some moment: E[d^2] / E[d], more than the
   * mean, since long calls are met more often (the inspection paradox). Where one call in ten takes
   * fifty times as long as the others, that one is what the limit is about.
   */
  get metDurationMs(): number {
    return this.#durationMs === 0 ? 0 : this.#squaredMs / this.#durationMs
  }

  /**
   * Whether hardly anything comes back. A smaller share of drops proves nothing: calls with a fixed
   * timeout time out in any number when the downstream itself got slow, and cutting the limit for
   * that would never end.
   */
  get isBlackout(): boolean {
    return this.#droppedRatio > blackoutRatio
  }
}
