import { callerDeadline, leftAtCallerDeadline, leftAtDeadline, SpillwayError } from '@spillway/core'

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
