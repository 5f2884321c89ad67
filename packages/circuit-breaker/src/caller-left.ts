import { callerDeadline, isSpillwayError, SpillwayError } from '@spillway/core'

/**
 * Whether a caller's signal has aborted because its time is up: `request.cancelSignal` does so, a
 * moment before the call's own timer. Such a caller has not hung up; the downstream was too slow.
 */
export function leftAtDeadline(signal: AbortSignal | undefined): boolean {
  return isDeadlineError(signal?.reason)
}

function isDeadlineError(error: unknown): error is SpillwayError {
  return isSpillwayError(error) && error.code === 'SPW_ERR_DEADLINE'
}

/** Whether that was a deadline which anybody may have chosen, so that nothing was too slow for it. */
export function leftAtCallerDeadline(signal: AbortSignal | undefined): boolean {
  const reason: unknown = signal?.reason
  return isDeadlineError(reason) && reason.reason === callerDeadline
}

function deadlineReason(signal: AbortSignal | undefined): string {
  return leftAtCallerDeadline(signal) ? callerDeadline : 'deadline'
}

/** A client library that keeps the caller's deadline itself may report it that much earlier than we. */
export const earlyTimerMs = 1

/** For a call that its caller has left before it was started. */
export function notStartedError(signal: AbortSignal | undefined): SpillwayError {
  const cause: unknown = signal?.reason
  return leftAtDeadline(signal)
    ? new SpillwayError('SPW_ERR_DEADLINE', { reason: deadlineReason(signal), cause })
    : new SpillwayError('SPW_ERR_CANCELLED', { reason: 'cancelled', cause })
}

/** For a call that its caller has left while it ran. */
export function abandonedError(signal: AbortSignal | undefined): SpillwayError {
  const cause: unknown = signal?.reason
  return leftAtDeadline(signal)
    ? new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason: deadlineReason(signal), cause })
    : new SpillwayError('SPW_ERR_CANCELLED', { reason: 'cancelled', cause })
}
