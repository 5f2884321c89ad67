import type { Clock } from '../clock.ts'

/** More buckets forget more smoothly; ten forget a tenth of the window at a time. */
const bucketCount = 10

/**
 * A counter over a rolling window, in a fixed number of buckets: memory does not grow with traffic,
 * and a bucket leaves the window with everything it counted. Counters with the same window and clock
 * move on together.
 */
export class RollingCount {
  readonly #clock: Clock
  readonly #bucketMs: number
  readonly #buckets = new Float64Array(bucketCount)
  #slot: number
  #total = 0

  constructor(windowMs: number, clock: Clock) {
    this.#clock = clock
    this.#bucketMs = windowMs / bucketCount
    this.#slot = this.#currentSlot()
  }

  get total(): number {
    this.#forget()
    return this.#total
  }

  add(): void {
    this.#forget()
    const index = this.#slot % bucketCount
    this.#buckets[index] = this.#buckets[index]! + 1
    this.#total += 1
  }

  /** Forgets everything at once. */
  clear(): void {
    this.#buckets.fill(0)
    this.#total = 0
  }

  #currentSlot(): number {
    return Math.max(0, Math.floor(this.#clock.now() / this.#bucketMs))
  }

  #forget(): void {
    const now = this.#currentSlot()
    // After a long silence every bucket is emptied once, not once per bucket of silence.
    for (let slot = Math.max(this.#slot + 1, now - bucketCount + 1); slot <= now; slot += 1) {
      const index = slot % bucketCount
      this.#total -= this.#buckets[index]!
      this.#buckets[index] = 0
    }
    this.#slot = Math.max(this.#slot, now)
  }
}
