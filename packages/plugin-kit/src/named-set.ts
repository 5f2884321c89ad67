import { invalidOption, nonEmptyString, SpillwayError } from '@spillway/core'

/** What the set's errors say: `one of at most 100 guards (maxGuards)`. */
export interface NamedSetOptions {
  readonly noun: string
  readonly max: number
  /** The option that `max` comes from. */
  readonly maxOption: string
}

/** Parts of an application that are defined once each, by name: guards, breakers. Bounded. */
export class NamedSet<Part> {
  readonly #options: NamedSetOptions
  readonly #parts = new Map<string, Part>()
  #isClosed = false

  constructor(options: NamedSetOptions) {
    this.#options = options
  }

  /**
   * Makes a part and keeps it.
   *
   * @throws SPW_ERR_CLOSED after `close`
   * @throws SPW_ERR_OPTION when the name is no name or taken, or when there are too many; and what
   *   `make` throws, which leaves the set as it was
   */
  add<Made extends Part>(name: string, make: () => Made): Made {
    const { noun } = this.#options
    if (this.#isClosed) {
      throw new SpillwayError('SPW_ERR_CLOSED', { message: `The ${noun}s are closed` })
    }
    this.#checkName(name)
    const part = make()
    this.#parts.set(name, part)
    return part
  }

  get(name: string): Part | undefined {
    return this.#parts.get(name)
  }

  /** In the order of their definition. */
  values(): IterableIterator<Part> {
    return this.#parts.values()
  }

  /** Nothing is added any more; closing the parts is up to the caller. */
  close(): void {
    this.#isClosed = true
  }

  #checkName(name: string): void {
    const { noun, max, maxOption } = this.#options
    nonEmptyString('name', name)
    if (this.#parts.has(name)) {
      throw invalidOption('name', `the name of a ${noun} that is not defined yet`, name)
    }
    if (this.#parts.size < max) return
    // One for each tenant or URL would grow without end, in memory and in metric labels.
    throw invalidOption('name', `one of at most ${max} ${noun}s (${maxOption})`, name)
  }
}
