import type { Clock, LoadShedder, TimerHandle } from '@spillway/core'

/** As much of a logger as is needed here. */
export interface ShedLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

const lineIntervalMs = 1000

/**
 * Says that the process sheds load: at once when it begins, then at most once a second with the counts
 * since, and when it has ended.
 */
export class ShedLog {
  readonly #shedder: LoadShedder
  readonly #logger: ShedLogger
  readonly #clock: Clock
  #counts = new Map<string, number>()
  #timer: TimerHandle | undefined

  constructor(shedder: LoadShedder, logger: ShedLogger, clock: Clock) {
    this.#shedder = shedder
    this.#logger = logger
    this.#clock = clock
  }

  /** @param reason the signal that decided */
  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
    if (this.#timer === undefined) this.#write()
  }

  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer)
  }

  #write(): void {
    const refused = Object.fromEntries(this.#counts)
    this.#counts = new Map()
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined
      if (this.#counts.size > 0) this.#write()
      else this.#logger.info({ shedder: this.#shedder.name }, 'load shedding has ended')
    }, lineIntervalMs)
    const { name, pressure } = this.#shedder
    this.#logger.warn({ shedder: name, pressure, refused }, 'requests refused to shed load')
  }
}
