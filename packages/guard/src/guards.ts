import type { InfoLogger } from '@spillway/circuit-breaker'
import { logStateChanges } from '@spillway/circuit-breaker'
import type { Clock } from '@spillway/core'
import { knownKeys } from '@spillway/core'
import { NamedSet } from '@spillway/plugin-kit'
import type { Guard } from './guard.ts'
import { createGuard } from './guard.ts'
import type { DownstreamOptions, GuardOptions } from './options.ts'
import { downstreamKeys } from './options.ts'

/** The guards of one application, by name. */
export interface Guards {
  /**
   * Makes the guard of a downstream. Call it once for each, while the application starts.
   *
   * @throws SPW_ERR_OPTION when the name is taken, when there are too many, or for a bad option
   * @throws SPW_ERR_CLOSED after the application has closed
   */
  define(name: string, options?: DownstreamOptions): Guard
  get(name: string): Guard | undefined
  /** All of them, in the order of their definition. */
  values(): IterableIterator<Guard>
  /** Closes every guard. */
  close(): void
}

export class GuardSet implements Guards {
  readonly #guards: NamedSet<Guard>
  readonly #logger: InfoLogger
  readonly #clock: Clock | undefined

  constructor(maxGuards: number, logger: InfoLogger, clock?: Clock) {
    this.#logger = logger
    this.#clock = clock
    this.#guards = new NamedSet({ noun: 'guard', max: maxGuards, maxOption: 'maxGuards' })
  }

  define(name: string, options: DownstreamOptions = {}): Guard {
    const guard = this.#guards.add(name, () => {
      knownKeys('options', options, downstreamKeys)
      return createGuard(this.#withClock({ ...options, name }))
    })
    if (guard.breaker !== undefined) logStateChanges(guard.breaker, this.#logger)
    return guard
  }

  get(name: string): Guard | undefined {
    return this.#guards.get(name)
  }

  values(): IterableIterator<Guard> {
    return this.#guards.values()
  }

  /** Whether not all of them merely observe, or are off. */
  get isInForce(): boolean {
    let count = 0
    for (const { mode } of this.#guards.values()) {
      if (mode === 'enforce') return true
      count += 1
    }
    return count === 0
  }

  close(): void {
    this.#guards.close()
    for (const guard of this.#guards.values()) guard.close()
  }

  #withClock(options: GuardOptions): GuardOptions {
    return this.#clock === undefined ? options : { clock: this.#clock, ...options }
  }
}
