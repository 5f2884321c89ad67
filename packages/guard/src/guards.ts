import type { InfoLogger } from '@spillway/circuit-breaker'
import { logStateChanges } from '@spillway/circuit-breaker'
import { NamedSet } from '@spillway/plugin-kit'
import type { Guard } from './guard.ts'
import { createGuard } from './guard.ts'
import type { DownstreamOptions } from './options.ts'

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

  constructor(maxGuards: number, logger: InfoLogger) {
    this.#logger = logger
    this.#guards = new NamedSet({ noun: 'guard', max: maxGuards, maxOption: 'maxGuards' })
  }

  define(name: string, options: DownstreamOptions = {}): Guard {
    const guard = this.#guards.add(name, () => createGuard({ ...options, name }))
    if (guard.breaker !== undefined) logStateChanges(guard.breaker, this.#logger)
    return guard
  }

  get(name: string): Guard | undefined {
    return this.#guards.get(name)
  }

  values(): IterableIterator<Guard> {
    return this.#guards.values()
  }

  close(): void {
    this.#guards.close()
    for (const guard of this.#guards.values()) guard.close()
  }
}
