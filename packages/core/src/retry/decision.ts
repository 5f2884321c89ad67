/** Why nothing is tried again. */
export type GiveUpReason =
  | 'local_refusal'
  | 'max_attempts'
  | 'unsafe'
  | 'not_retryable'
  | 'retry_after'
  | 'deadline'
  | 'throttled'
  | 'budget'

export type RetryDecision =
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'give_up'; readonly reason: GiveUpReason }

/** What is known of an attempt that has failed. */
export interface FailedAttempt {
  readonly isLocalRefusal: boolean
  /** From 1. */
  readonly attempt: number
  readonly maxAttempts: number
  /** Doing it once more does no harm. */
  readonly isSafe: boolean
  readonly isRetryable: boolean
  readonly delayMs: number
  readonly retryAfterMs: number | undefined
  readonly maxRetryAfterMs: number
  /** Until the deadline; Infinity without one. */
  readonly remainingMs: number
}

/**
 * Whether to try again as far as this call alone decides; the budget and the throttle, which count
 * what they are asked, come after it.
 */
export function decideRetry(failed: FailedAttempt): RetryDecision {
  const reason = reasonToGiveUp(failed)
  return reason === undefined
    ? { kind: 'retry', delayMs: failed.delayMs }
    : { kind: 'give_up', reason }
}

function reasonToGiveUp(failed: FailedAttempt): GiveUpReason | undefined {
  if (failed.isLocalRefusal) return 'local_refusal'
  if (failed.attempt >= failed.maxAttempts) return 'max_attempts'
  if (!failed.isSafe) return 'unsafe'
  if (!failed.isRetryable) return 'not_retryable'
  if ((failed.retryAfterMs ?? 0) > failed.maxRetryAfterMs) return 'retry_after'
  // An answer after the deadline is worth nothing, and waiting for it costs the caller its rest.
  if (failed.delayMs >= failed.remainingMs) return 'deadline'
  return undefined
}
