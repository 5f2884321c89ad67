import type { Clock } from '../clock.ts'

/** More buckets forget more smoothly; ten forget a tenth of the window at a time. */
const bucketCount = 10

/**
 * Two counters over a rolling window, in a fixed number of buckets: memory does not grow with
 * traffic, and a bucket leaves the window with everything it counted.
 */
export class RollingCounts {
  readonly #clock: Clock
  readonly #bucketMs: number
  readonly #firsts = new Float64Array(bucketCount)
  readonly #seconds = new Float64Array(bucketCount)
  #slot: number
  #first = 0
  #second = 0

  constructor(windowMs: number, clock: Clock) {
    this.#clock = clock
    this.#bucketMs = windowMs / bucketCount
    this.#slot = this.#currentSlot()
  }

  get first(): number {
    this.#forget()
    return this.#first
  }

  get second(): number {
    this.#forget()
    return this.#second
  }

  addFirst(): void {
    this.#forget()
    const index = this.#slot % bucketCount
    this.#firsts[index] = this.#firsts[index]! + 1
    this.#first += 1
  }

  addSecond(): void {
    this.#forget()
    const index = this.#slot % bucketCount
    this.#seconds[index] = this.#seconds[index]! + 1
    this.#second += 1
  }

  #currentSlot(): number {
    return Math.max(0, Math.floor(this.#clock.now() / this.#bucketMs))
  }

  #forget(): void {
    const now = this.#currentSlot()
    // After a long silence every bucket is emptied once, not once per bucket of silence.
    for (let slot = Math.max(this.#slot + 1, now - bucketCount + 1); slot <= now; slot += 1) {
      this.#empty(slot % bucketCount)
    }
    this.#slot = Math.max(this.#slot, now)
  }

  #empty(index: number): void {
    this.#first -= this.#firsts[index]!
    this.#second -= this.#seconds[index]!
    this.#firsts[index] = 0
    this.#seconds[index] = 0
  }
}
