/** Weight of a new call: about the last fifty count. */
const weight = 0.02
/** And about the last eight: when the downstream gets slower, fifty calls may be seconds. */
const recentWeight = 0.125
const prudentDeviations = 1.5

/** How long calls take at present: exponentially weighted means, plain ones while warming up. */
export class DurationMean {
  #count = 0
  #mean = 0
  #recent = 0
  #variance = 0

  /** Milliseconds; 0 before the first call. */
  get value(): number {
    return this.#mean
  }

  /** The same, of the last few calls if those took longer: what a deadline is weighed against. */
  get cautious(): number {
    return Math.max(this.#mean, this.#recent)
  }

  /**
   * What hardly a call takes longer than: 1.5 standard deviations more, and at the most twice as
   * long, since where durations differ by orders of magnitude most calls are the short ones.
   */
  get prudent(): number {
    return this.cautious + Math.min(this.cautious, prudentDeviations * Math.sqrt(this.#variance))
  }

  add(durationMs: number): void {
    this.#count += 1
    const off = durationMs - this.#mean
    this.#mean += Math.max(weight, 1 / this.#count) * (durationMs - this.#mean)
    // The first call is off by all of itself, and says nothing about the spread.
    if (this.#count > 1) {
      this.#variance += Math.max(weight, 1 / this.#count) * (off * off - this.#variance)
    }
    this.#recent += Math.max(recentWeight, 1 / this.#count) * (durationMs - this.#recent)
  }
}
