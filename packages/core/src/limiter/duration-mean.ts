/** Weight of a new call: about the last fifty count. */
const weight = 0.02

/** How long calls take at present: an exponentially weighted mean, a plain one while warming up. */
export class DurationMean {
  #count = 0
  #mean = 0

  /** Milliseconds; 0 before the first call. */
  get value(): number {
    return this.#mean
  }

  add(durationMs: number): void {
    this.#count += 1
    this.#mean += Math.max(weight, 1 / this.#count) * (durationMs - this.#mean)
  }
}
