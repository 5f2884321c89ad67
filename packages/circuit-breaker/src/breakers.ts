import type { BreakerControl } from './breaker.ts'
import type { Action, DefinedBreaker, DefinedBreakerStats } from './defined-breaker.ts'
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
