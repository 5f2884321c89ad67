import { SpillwayError } from '../errors.ts'
import { delayBeforeRetry } from './backoff.ts'
import type { RetryDecision } from './decision.ts'
import { decideRetry } from './decision.ts'
import type { ParsedRetryOptions, RetryOptions } from './options.ts'
import { parseOptions } from './options.ts'
import { Patience } from './patience.ts'
import { isLocalRefusal, wasNeverSent } from './safety.ts'

/** What one attempt is told. */
export interface Attempt {
  /** From 1. Send it along, so that the downstream can tell a retry from new demand. */
  readonly attempt: number
  /** Aborts at the deadline and with the caller's signal; the work has to heed it. */
  readonly signal: AbortSignal
}

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
export async function retry<T>(
  work: (attempt: Attempt) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const parsed = parseOptions(options)
  const patience = new Patience(parsed.clock, parsed.deadlineMs, parsed.signal)
  try {
    return await attempts(work, parsed, patience)
  } finally {
    patience.dispose()
  }
}

async function attempts<T>(
  work: (attempt: Attempt) => Promise<T>,
  options: ParsedRetryOptions,
  patience: Patience,
): Promise<T> {
  throwIfEnded(patience, options.signal?.reason)
  options.budget.countRequest()
  if (!passesThrottle(options)) throw new SpillwayError('SPW_ERR_THROTTLED')
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await work({ attempt, signal: patience.signal })
      options.throttle?.accept()
      return result
    } catch (error) {
      const decision = decide(error, attempt, options, patience)
      if (decision.kind === 'give_up') throw error
      await patience.sleep(decision.delayMs)
      throwIfEnded(patience, error)
    }
  }
}

function throwIfEnded(patience: Patience, cause: unknown): void {
  const error = patience.ended(cause)
  if (error !== undefined) throw error
}

function passesThrottle({ throttle, priority }: ParsedRetryOptions): boolean {
  return throttle === undefined || throttle.tryAttempt(priority)
}

function decide(
  error: unknown,
  attempt: number,
  options: ParsedRetryOptions,
  patience: Patience,
): RetryDecision {
  const { maxAttempts, maxRetryAfterMs, idempotent } = options
  const retryAfterMs = options.retryAfterMs(error)
  const isRetryable = options.isRetryable(error)
  tellThrottle(options, isRetryable, error)
  const decision = decideRetry({
    isLocalRefusal: isLocalRefusal(error),
    attempt,
    maxAttempts,
    isSafe: idempotent || wasNeverSent(error),
    isRetryable,
    delayMs: delayBeforeRetry(attempt, options, options.random(), retryAfterMs),
    retryAfterMs,
    maxRetryAfterMs,
    remainingMs: patience.signal.aborted ? 0 : patience.remainingMs,
  })
  return decision.kind === 'retry' ? afterCounting(decision, options) : decision
}

/**
 * The budget first: a retry that nobody paid for is never asked for, and would look to the throttle
 * like demand that the downstream did not accept.
 */
function afterCounting(decision: RetryDecision, options: ParsedRetryOptions): RetryDecision {
  if (!options.budget.tryRetry()) return { kind: 'give_up', reason: 'budget' }
  return passesThrottle(options) ? decision : { kind: 'give_up', reason: 'throttled' }
}

/** An answer that nobody would try again is the downstream's word: it was not overloaded. */
function tellThrottle(options: ParsedRetryOptions, isRetryable: boolean, error: unknown): void {
  const { throttle, signal } = options
  if (throttle === undefined) return
  // What this process refused never got there, and a caller that left says nothing about it.
  if (isLocalRefusal(error) || signal?.aborted === true) return
  if (isRetryable) throttle.refuse()
  else throttle.accept()
}
