/** Weight of a new call: about the last fifty count. */
const weight = 0.02
/** And about the last eight: when the downstream gets slower, fifty calls may be seconds. */
const recentWeight = 0.125

/** How long calls take at present: exponentially weighted means, plain ones while warming up. */
export class DurationMean {
  #count = 0
  #mean = 0
  #recent = 0

  /** Milliseconds; 0 before the first call. */
  get value(): number {
    return this.#mean
  }

  /** The same, of the last few calls if those took longer: what a deadline is weighed against. */
  get cautious(): number {
    return Math.max(this.#mean, this.#recent)
  }

  add(durationMs: number): void {
    this.#count += 1
    this.#mean += Math.max(weight, 1 / this.#count) * (durationMs - this.#mean)
    this.#recent += Math.max(recentWeight, 1 / this.#count) * (durationMs - this.#recent)
  }
}
