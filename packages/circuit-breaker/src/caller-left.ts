import { isSpillwayError, SpillwayError } from '@spillway/core'

/**
 * Whether a caller's signal has aborted because its time is up: `request.cancelSignal` does so, a
 * moment before the call's own timer. Such a caller has not hung up; the downstream was too slow.
 */
export function leftAtDeadline(signal: AbortSignal | undefined): boolean {
  const reason: unknown = signal?.reason
  return isSpillwayError(reason) && reason.code === 'SPW_ERR_DEADLINE'
}

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
