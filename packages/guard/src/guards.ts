import { invalidOption, nonEmptyString, SpillwayError } from '@spillway/core'
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
  readonly #guards = new Map<string, Guard>()
  readonly #maxGuards: number
  #closed = false

  constructor(maxGuards: number) {
    this.#maxGuards = maxGuards
  }

  define(name: string, options: DownstreamOptions = {}): Guard {
    if (this.#closed)
      throw new SpillwayError('SPW_ERR_CLOSED', { message: 'The guards are closed' })
    this.#checkName(name)
    const guard = createGuard({ ...options, name })
    this.#guards.set(name, guard)
    return guard
  }

  get(name: string): Guard | undefined {
    return this.#guards.get(name)
  }

  values(): IterableIterator<Guard> {
    return this.#guards.values()
  }

  close(): void {
    this.#closed = true
    for (const guard of this.#guards.values()) guard.close()
  }

  #checkName(name: string): void {
    nonEmptyString('name', name)
    if (this.#guards.has(name)) {
      throw invalidOption('name', 'the name of a guard that is not defined yet', name)
    }
    if (this.#guards.size < this.#maxGuards) return
    // A guard for each tenant or URL grows without end; that is what partitions are for.
    throw invalidOption('name', `one of at most ${this.#maxGuards} guards (maxGuards)`, name)
  }
}
