/** A shorter one is within what calls differ by. */
const leastMs = 250
/** So many times as long as usual must nothing have happened. */
const unusual = 10
/** About as far back goes the memory of what is usual. */
const memoryMs = 1000

/**
 * Finds out, without a timer, that the process has stood still: it was stopped, collected garbage, had
 * no processor. Nothing has happened for much longer than usual then, neither has a call come nor has
 * one ended, and how long the calls took that ran meanwhile says nothing about calls. What is usual
 * soon follows, so a downstream that blocks everybody again and again is not taken for it.
 */
export class Standstill {
  #eventAt: number | undefined
  /** How long nothing happens, as it is at a random moment: the mean is weighted by time. */
  #usualMs = memoryMs
  #since = -Infinity

  /** A call has come or ended. */
  event(now: number): void {
    const since = this.#eventAt ?? now
    const gapMs = now - since
    this.#eventAt = now
    if (gapMs >= leastMs && gapMs > unusual * this.#usualMs) this.#since = since
    this.#usualMs += Math.min(1, gapMs / memoryMs) * (gapMs - this.#usualMs)
  }

  /** Whether a call that was started then, and has just ended, ran during the latest one. */
  isWithin(startedAt: number): boolean {
    return startedAt <= this.#since
  }
}
