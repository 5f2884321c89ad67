import { callerDeadline, isSpillwayError } from '../errors.ts'
import { signOf } from './evidence.ts'

/**
 * Whether a caller's signal has aborted because its time is up: `request.cancelSignal` does so, a
 * moment before the call's own timer, and so does `AbortSignal.timeout()`, by itself or as one of
 * `AbortSignal.any()`. Such a caller has not hung up; the downstream was too slow.
 */
export function leftAtDeadline(signal: AbortSignal | undefined): boolean {
  if (signal?.aborted !== true) return false
  return isDeadlineError(signal.reason) || signOf(signal.reason) === 'timed_out'
}

/** Whether that was a deadline which anybody may have chosen, so that nothing was too slow for it. */
export function leftAtCallerDeadline(signal: AbortSignal | undefined): boolean {
  const reason: unknown = signal?.reason
  return isDeadlineError(reason) && reason.reason === callerDeadline
}

function isDeadlineError(error: unknown): error is { readonly reason: string | undefined } {
  if (!isSpillwayError(error)) return false
  return error.code === 'SPW_ERR_DEADLINE' || error.code === 'SPW_ERR_CALL_TIMEOUT'
}
