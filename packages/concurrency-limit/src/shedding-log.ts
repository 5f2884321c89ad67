import type { Clock, Limiter, RefusalReason, TimerHandle } from '@spillway/core'

/** As much of a logger as is needed here. */
export interface WarnLogger {
  warn(fields: object, message: string): void
}

const lineIntervalMs = 1000

/**
 * Says that a limiter is shedding: at once when it begins, then at most once a second with the counts
 * since. A line for each refusal would be work at the moment when there is least room for it.
 */
export class SheddingLog {
  readonly #limiter: Limiter
  readonly #logger: WarnLogger
  readonly #clock: Clock
  #refused = new Map<string, number>()
  #timer: TimerHandle | undefined

  constructor(limiter: Limiter, logger: WarnLogger, clock: Clock) {
    this.#limiter = limiter
    this.#logger = logger
    this.#clock = clock
  }

  /** @param reason a word of the limiter, or `guard <name>` */
  count(reason: RefusalReason | `guard ${string}`): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1)
    if (this.#timer === undefined) this.#write()
  }

  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer)
  }

  #write(): void {
    const { name, limit, inFlight, queued } = this.#limiter
    const refused = Object.fromEntries(this.#refused)
    this.#refused = new Map()
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined
      if (this.#refused.size > 0) this.#write()
    }, lineIntervalMs)
    this.#logger.warn({ limiter: name, limit, inFlight, queued, refused }, 'requests refused')
  }
}
