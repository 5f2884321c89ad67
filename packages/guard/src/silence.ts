/** What makes a silence certain. */
export interface SilenceBounds {
  readonly calls: number
  readonly ms: number
}

/**
 * Calls in a row that ran out of time, with no answer to anybody in between. A window cannot see it
 * when the limiter lets few calls in: those that hang keep their permits, nobody follows who could
 * tell, and what succeeded before outweighs them.
 */
export class Silence {
  #since = 0
  #until = 0
  #calls = 0

  /**
   * A call has run out of time.
   *
   * @param since its start, or the latest answer if that came later
   * @param maxGapMs a time in which nobody asked is no silence; one that is longer ends the streak
   */
  add(since: number, now: number, maxGapMs: number): void {
    if (since - this.#until > maxGapMs) this.#calls = 0
    if (this.#calls === 0) this.#since = since
    this.#until = now
    this.#calls += 1
  }

  /** Something was answered, or it has been acted upon. */
  end(): void {
    this.#calls = 0
  }

  isCertain(now: number, { calls, ms }: SilenceBounds): boolean {
    return this.#calls >= calls && now - this.#since >= ms
  }

  /** For whoever must not look at the clock without need. */
  get hasBegun(): boolean {
    return this.#calls > 0
  }
}
