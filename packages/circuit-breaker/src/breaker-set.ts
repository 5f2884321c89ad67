import { knownKeys } from '@spillway/core'
import type { Component } from '@spillway/plugin-kit'
import { NamedSet } from '@spillway/plugin-kit'
import type { Breakers, NamedBreaker } from './breakers.ts'
import type { InfoLogger } from './change-log.ts'
import { logStateChanges } from './change-log.ts'
import type { Action, DefinedBreaker, DefinedBreakerStats } from './defined-breaker.ts'
import { defineBreaker } from './defined-breaker.ts'
import type { CircuitOptions } from './options.ts'
import { definitionKeys } from './options.ts'

/** What is behind the decorator `app.breakers`. */
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
    const breaker = this.#breakers.add(name, () => {
      knownKeys('options', options, definitionKeys)
      return defineBreaker(action, { ...options, name })
    })
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
