import type { Clock, Limiter, RefusalReason, TimerHandle } from '@spillway/core'

/** As much of a logger as is needed here. */
export interface SheddingLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** A word of the limiter, or the guard that refused. */
type Reason = RefusalReason | `guard ${string}`

const lineIntervalMs = 1000

/**
 * Says that a limiter is shedding: at once when it begins, then at most once a second with the counts
 * since. A line for each refusal would be work at the moment when there is least room for it.
 */
export class SheddingLog {
  readonly #limiter: Limiter
  readonly #logger: SheddingLogger
  readonly #clock: Clock
  #refused = new Map<Reason, number>()
  /** Of requests that went on: the limiter merely observes. */
  #observed = new Map<Reason, number>()
  #timer: TimerHandle | undefined

  constructor(limiter: Limiter, logger: SheddingLogger, clock: Clock) {
    this.#limiter = limiter
    this.#logger = logger
    this.#clock = clock
  }

  count(reason: Reason, isEnforced = true): void {
    const counts = isEnforced ? this.#refused : this.#observed
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
    if (this.#timer === undefined) this.#write()
  }

  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer)
  }

  #write(): void {
    const { name, limit, inFlight, queued } = this.#limiter
    const state = { limiter: name, limit, inFlight, queued }
    const refused = this.#refused
    const observed = this.#observed
    this.#refused = new Map()
    this.#observed = new Map()
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined
      if (this.#refused.size + this.#observed.size > 0) this.#write()
    }, lineIntervalMs)
    if (refused.size > 0) {
      this.#logger.warn({ ...state, refused: Object.fromEntries(refused) }, 'requests refused')
    }
    if (observed.size > 0) {
      const wouldHaveRefused = Object.fromEntries(observed)
      this.#logger.info({ ...state, wouldHaveRefused }, 'requests would have been refused')
    }
  }
}
