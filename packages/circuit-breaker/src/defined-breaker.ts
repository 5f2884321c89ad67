import { functionOption, isSpillwayError, signOf, SpillwayError } from '@spillway/core'
import type {
  Breaker,
  BreakerControl,
  BreakerState,
  BreakerStats,
  CallOptions,
  StateChange,
} from './breaker.ts'
import { createBreaker } from './create-breaker.ts'
import type { BreakerOptions, IsFailure } from './options.ts'

/** What an action gets beside its input. */
export interface ActionContext {
  /** The call's own: aborts at its deadline or timeout, or when the caller leaves. */
  readonly signal: AbortSignal
}

/** A call to a downstream. Stop it for real when the signal aborts. */
export type Action<Input, Output> = (input: Input, context: ActionContext) => PromiseLike<Output>

/** The answer of last resort. */
export type Fallback<Input, Output> = (input: Input, error: unknown) => Output | PromiseLike<Output>

export interface DefinedBreakerStats extends BreakerStats {
  /** Calls that were answered by the fallback. */
  readonly fallbacks: number
}

/** A breaker with the one call that it guards. */
export interface DefinedBreaker<Input, Output> extends BreakerControl {
  /**
   * Makes the call, or the fallback.
   *
   * @throws as {@link Breaker.run}, unless there is a fallback
   */
  fire(input: Input, options?: CallOptions): Promise<Output>
  /**
   * Answers in place of a call that failed, took too long or was refused; not when the caller has
   * left, nor for an error that is an answer (a 404) or a mistake (a TypeError). What it throws is what the caller gets.
   *
   * @returns the same breaker
   * @throws SPW_ERR_OPTION when it is no function, or when there is one already
   */
  fallback<More = Output>(fallback: Fallback<Input, More>): DefinedBreaker<Input, Output | More>
  stats(): DefinedBreakerStats
}

export function defineBreaker<Input, Output>(
  action: Action<Input, Output>,
  options: BreakerOptions,
): DefinedBreaker<Input, Output> {
  functionOption('action', action)
  return new ActionBreaker(action, createBreaker(options), options.isFailure ?? (() => undefined))
}

class ActionBreaker<Input, Output> implements DefinedBreaker<Input, Output> {
  readonly name: string
  readonly #action: Action<Input, Output>
  readonly #breaker: Breaker
  readonly #isFailure: IsFailure
  #fallback: Fallback<Input, unknown> | undefined
  #fallbacks = 0

  constructor(action: Action<Input, Output>, breaker: Breaker, isFailure: IsFailure) {
    this.name = breaker.name
    this.#action = action
    this.#breaker = breaker
    this.#isFailure = isFailure
  }

  get state(): BreakerState {
    return this.#breaker.state
  }

  fire(input: Input, options?: CallOptions): Promise<Output> {
    const answer = this.#breaker.run((signal) => this.#action(input, { signal }), options)
    const fallback = this.#fallback
    if (fallback === undefined) return answer
    return answer.catch((error: unknown) => this.#recover(fallback, input, error))
  }

  fallback<More>(fallback: Fallback<Input, More>): DefinedBreaker<Input, Output | More> {
    functionOption('fallback', fallback)
    if (this.#fallback !== undefined) {
      throw new SpillwayError('SPW_ERR_OPTION', {
        message: `The breaker \`${this.name}\` has a fallback already`,
      })
    }
    this.#fallback = fallback
    return this
  }

  stats(): DefinedBreakerStats {
    return { ...this.#breaker.stats(), fallbacks: this.#fallbacks }
  }

  open(): void {
    this.#breaker.open()
  }

  close(): void {
    this.#breaker.close()
  }

  onStateChange(listener: (change: StateChange) => void): () => void {
    return this.#breaker.onStateChange(listener)
  }

  shutdown(): void {
    this.#breaker.shutdown()
  }

  #recover(
    fallback: Fallback<Input, unknown>,
    input: Input,
    error: unknown,
  ): Output | PromiseLike<Output> {
    if (!mayFallBack(error, this.#isFailure)) throw error
    this.#fallbacks += 1
    // Typed where it was given: `fallback` returns this breaker with both outputs.
    return fallback(input, error) as Output | PromiseLike<Output>
  }
}

const forNobody: ReadonlySet<string> = new Set([
  'SPW_ERR_CANCELLED',
  'SPW_ERR_CLOSED',
  'SPW_ERR_OPTION',
])

function mayFallBack(error: unknown, isFailure: IsFailure): boolean {
  if (isSpillwayError(error)) return !forNobody.has(error.code)
  return isFailure(error) ?? callsForFallback(error)
}

/** An error that nobody knows is no evidence against the downstream, and no answer either. */
function callsForFallback(error: unknown): boolean {
  const sign = signOf(error)
  if (sign === undefined) return !isMistake(error)
  return sign !== 'answered' && sign !== 'not_asked'
}

/** Undici says `TypeError: fetch failed`, but with a cause. */
function isMistake(error: unknown): boolean {
  const isOurs =
    error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
  return isOurs && error.cause === undefined
}
