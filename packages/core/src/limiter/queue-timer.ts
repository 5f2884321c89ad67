import type { Clock, TimerHandle } from '../clock.ts'
import { longestTimerMs, setAwaitedTimer } from '../clock.ts'

/** One timer for a whole queue, set to the moment at which the first caller must be told; callers await it. */
export class QueueTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  #handle: TimerHandle | undefined
  #dueAt = Infinity

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = () => {
      this.#handle = undefined
      this.#dueAt = Infinity
      onDue()
    }
  }

  /**
   * Runs no later than this, or earlier when it is too far away for a timer; a timer that is set for
   * an earlier moment stays.
   */
  noLaterThan(dueAt: number, now: number): void {
    if (dueAt >= this.#dueAt) return
    this.cancel()
    this.#dueAt = dueAt
    this.#handle = setAwaitedTimer(
      this.#clock,
      this.#onDue,
      Math.min(longestTimerMs, Math.ceil(dueAt - now)),
    )
  }

  cancel(): void {
    if (this.#handle !== undefined) this.#clock.clearTimer(this.#handle)
    this.#handle = undefined
    this.#dueAt = Infinity
  }
}
