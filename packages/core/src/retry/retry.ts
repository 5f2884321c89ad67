import type { Priority } from '../priority.ts'
import type { RetryBudget } from './budget.ts'
import type { RetryOptions } from './options.ts'
import { parseOptions } from './options.ts'
import { RetriedCall } from './retried-call.ts'

/** What one attempt is told. */
export interface Attempt {
  /** From 1. Send it along, so that the downstream can tell a retry from new demand. */
  readonly attempt: number
  /** Aborts at the deadline and with the caller's signal; the work has to heed it. */
  readonly signal: AbortSignal
}

/** What a caller says about one call; `request.callOptions` fits. */
export interface RetryCallOptions {
  /** What the throttle goes by. @default 'default' */
  readonly priority?: Priority | undefined
  /** Time left for all attempts and waits together, in milliseconds. @default none */
  readonly deadlineMs?: number | undefined
  /** Ends waits and attempts. */
  readonly signal?: AbortSignal | undefined
  /** Doing the work twice does no more than doing it once. @default that of {@link createRetry} */
  readonly idempotent?: boolean | undefined
}

/** How the calls to one dependency are tried again. */
export interface Retry {
  /**
   * Runs `work`, and again when it failed, as long as that is safe, has a chance, is in time and is
   * within the budget. When it gives up the last error is thrown as it is.
   *
   * Never tried again: what this process itself refused (a limiter, a breaker: any `SPW_ERR_*`), and
   * work that is not `idempotent` unless the error proves that nothing was sent.
   *
   * @throws what the last attempt threw
   * @throws SPW_ERR_THROTTLED when the throttle held the first attempt back
   * @throws SPW_ERR_CANCELLED when `signal` aborted before an attempt, SPW_ERR_DEADLINE when no time
   *   was left for it; the `cause` is the last attempt's error
   * @throws SPW_ERR_OPTION
   */
  run<T>(work: (attempt: Attempt) => Promise<T>, call?: RetryCallOptions): Promise<T>
  /** What bounds the retries; for its `stats()`. */
  readonly budget: RetryBudget
}

/**
 * Makes the retries of one dependency. One for all calls to it: the bound holds for them together.
 *
 * @throws SPW_ERR_OPTION
 */
export function createRetry(options: RetryOptions = {}): Retry {
  const parsed = parseOptions(options)
  return {
    budget: parsed.budget,
    run: async (work, call = noOptions) => new RetriedCall(work, parsed, call).run(),
  }
}

const noOptions: RetryCallOptions = Object.freeze({})
