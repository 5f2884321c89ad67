import { leftAtDeadline, SpillwayError } from '@spillway/core'

/** For a call that its caller has left before it was started. */
export function notStartedError(signal: AbortSignal | undefined): SpillwayError {
  const cause: unknown = signal?.reason
  return leftAtDeadline(signal)
    ? new SpillwayError('SPW_ERR_DEADLINE', { reason: 'deadline', cause })
    : new SpillwayError('SPW_ERR_CANCELLED', { reason: 'cancelled', cause })
}

/** For a call that its caller has left while it ran. */
export function abandonedError(signal: AbortSignal | undefined): SpillwayError {
  const cause: unknown = signal?.reason
  return leftAtDeadline(signal)
    ? new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason: 'deadline', cause })
    : new SpillwayError('SPW_ERR_CANCELLED', { reason: 'cancelled', cause })
}
