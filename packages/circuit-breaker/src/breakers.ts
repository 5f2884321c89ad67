import type { Component } from '@spillway/plugin-kit'
import { NamedSet } from '@spillway/plugin-kit'
import type { BreakerControl } from './breaker.ts'
import type { InfoLogger } from './change-log.ts'
import { logStateChanges } from './change-log.ts'
import type { Action, DefinedBreaker, DefinedBreakerStats } from './defined-breaker.ts'
import { defineBreaker } from './defined-breaker.ts'
import type { CircuitOptions } from './options.ts'

/** A defined breaker whose action is not known. */
export interface NamedBreaker extends BreakerControl {
  stats(): DefinedBreakerStats
}

/** The breakers of one application: the decorator `app.breakers`. */
export interface Breakers {
  /**
   * Puts a breaker around an action. Call it once for each downstream, while the application starts.
   *
   * @throws SPW_ERR_OPTION when the name is taken, when there are too many, when the action is no
   *   function, or for a bad option
   * @throws SPW_ERR_CLOSED after the application has closed
   */
  define<Input, Output>(
    name: string,
    action: Action<Input, Output>,
    options?: CircuitOptions,
  ): DefinedBreaker<Input, Output>
  get(name: string): NamedBreaker | undefined
  /** All of them, in the order of their definition. */
  values(): IterableIterator<NamedBreaker>
  /** A snapshot of each. */
  stats(): readonly DefinedBreakerStats[]
  /** Shuts every breaker down. */
  close(): void
}

export class BreakerSet implements Breakers, Component {
  readonly kind = 'breakers'
  readonly #breakers: NamedSet<NamedBreaker>
  readonly #logger: InfoLogger

  constructor(maxBreakers: number, logger: InfoLogger) {
    this.#breakers = new NamedSet({ noun: 'breaker', max: maxBreakers, maxOption: 'maxBreakers' })
    this.#logger = logger
  }

  define<Input, Output>(
    name: string,
    action: Action<Input, Output>,
    options: CircuitOptions = {},
  ): DefinedBreaker<Input, Output> {
    const breaker = this.#breakers.add(name, () => defineBreaker(action, { ...options, name }))
    logStateChanges(breaker, this.#logger)
    return breaker
  }

  get(name: string): NamedBreaker | undefined {
    return this.#breakers.get(name)
  }

  values(): IterableIterator<NamedBreaker> {
    return this.#breakers.values()
  }

  /** A breaker does not merely observe; where none is defined, nothing is done to any request. */
  get isInForce(): boolean {
    return this.#breakers.values().next().done !== true
  }

  stats(): readonly DefinedBreakerStats[] {
    return Array.from(this.#breakers.values(), (breaker) => breaker.stats())
  }

  close(): void {
    this.#breakers.close()
    for (const breaker of this.#breakers.values()) breaker.shutdown()
  }
}
