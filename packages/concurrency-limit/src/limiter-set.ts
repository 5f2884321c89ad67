import type { Limiter, LimiterOptions, LimiterStats, Mode } from '@spillway/core'
import { createLimiter, modeOption, parsedAt } from '@spillway/core'
import type { Component } from '@spillway/plugin-kit'
import { Excess } from './excess.ts'
import type { ParsedOptions } from './options.ts'
import type { SheddingLogger } from './shedding-log.ts'
import { SheddingLog } from './shedding-log.ts'

/** A limiter's numbers, and those that only the door knows. */
export interface DoorStats extends LimiterStats {
  /** Handlers that go on although nobody will read their answer. */
  readonly abandoned: number
  /**
   * Requests whose handler succeeded after their deadline: work for nobody, whether or not the answer
   * still went out. Only ever grows.
   */
  readonly late: number
  /** Requests whose deadline passed, and that went on because the door merely observes. */
  readonly wouldHaveTimedOut: number
  /** Requests refused because a guard that their route depends on was refusing. */
  readonly refusedByGuard: number
  /** Requests let in although such a guard was refusing, because the door merely observes. */
  readonly wouldHaveRefusedByGuard: number
}

/** The limiters of one scope: the decorator `app.limiters`. */
export interface Limiters {
  readonly default: Limiter
  get(name: string): Limiter | undefined
  /**
   * Sets the mode of all of them at once; each has a `mode` of its own, to read and to set.
   *
   * @throws SPW_ERR_OPTION when it is no mode
   */
  setMode(mode: Mode): void
  /** A snapshot of each, the default one first. */
  stats(): readonly DoorStats[]
}

/** A limiter and what is counted at its door. */
export class Door {
  readonly limiter: Limiter
  readonly log: SheddingLog
  abandoned = 0
  late = 0
  wouldHaveTimedOut = 0
  refusedByGuard = 0
  wouldHaveRefusedByGuard = 0
  /** What runs beyond the limit; undefined where the limit is the user's own word. */
  readonly excess: Excess | undefined

  constructor(limiter: Limiter, log: SheddingLog, excess: Excess | undefined) {
    this.limiter = limiter
    this.excess = excess
    this.log = log
  }

  stats(): DoorStats {
    const { abandoned, late, wouldHaveTimedOut, refusedByGuard, wouldHaveRefusedByGuard } = this
    const ofGuards = { refusedByGuard, wouldHaveRefusedByGuard }
    return { ...this.limiter.stats(), abandoned, late, wouldHaveTimedOut, ...ofGuards }
  }
}

export class LimiterSet implements Limiters, Component {
  readonly kind = 'limiters'
  readonly defaultDoor: Door
  readonly #doors = new Map<string, Door>()

  constructor({ name, limiters, clock }: ParsedOptions, logger: SheddingLogger) {
    for (const [key, options] of limiters) {
      const limiter = makeLimiter({ ...options, clock, name: key }, key === name)
      const excess = options.limit === undefined ? new Excess() : undefined
      this.#doors.set(key, new Door(limiter, new SheddingLog(limiter, logger, clock), excess))
    }
    this.defaultDoor = this.#doors.get(name)!
  }

  get default(): Limiter {
    return this.defaultDoor.limiter
  }

  get names(): readonly string[] {
    return [...this.#doors.keys()]
  }

  get(name: string): Limiter | undefined {
    return this.door(name)?.limiter
  }

  setMode(mode: Mode): void {
    modeOption('mode', mode)
    for (const { limiter } of this.#doors.values()) limiter.mode = mode
  }

  door(name: string): Door | undefined {
    return this.#doors.get(name)
  }

  stats(): readonly DoorStats[] {
    return Array.from(this.#doors.values(), (door) => door.stats())
  }

  close(): void {
    for (const { limiter, log } of this.#doors.values()) {
      limiter.close()
      log.close()
    }
  }
}

/** Says which of several limiters has the bad option. */
function makeLimiter(options: LimiterOptions, isDefault: boolean): Limiter {
  if (isDefault) return createLimiter(options)
  return parsedAt(`limiters.${options.name}`, () => createLimiter(options))
}
