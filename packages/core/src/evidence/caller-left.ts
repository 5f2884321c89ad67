import { isSpillwayError } from '../errors.ts'
import { signOf } from './evidence.ts'

/**
 * Whether a caller's signal has aborted because its time is up: `request.cancelSignal` does so, a
 * moment before the call's own timer, and so does `AbortSignal.timeout()`, by itself or as one of
 * `AbortSignal.any()`. Such a caller has not hung up; the downstream was too slow.
 */
export function leftAtDeadline(signal: AbortSignal | undefined): boolean {
  if (signal?.aborted !== true) return false
  const reason: unknown = signal.reason
  if (isSpillwayError(reason) && reason.code === 'SPW_ERR_DEADLINE') return true
  return signOf(reason) === 'timed_out'
}
