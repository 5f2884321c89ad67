import type { Outcome } from '@spillway/core'
import { callerDeadline, isSpillwayError } from '@spillway/core'

/** How a response ended. */
export interface Ending {
  /** False when the client was gone before all of it was out. */
  readonly sentInFull: boolean
  readonly statusCode: number
  /** The error that was answered, if any. */
  readonly error: unknown
  /** Whether the deadline has passed that this service, or a trusted caller, gave the request. */
  readonly isLate: boolean
  /** Whether that of a caller has passed who may be anybody: its impatience says nothing about load. */
  readonly isLateForCaller: boolean
}

/** What a finished response tells the limit. */
export function outcomeOf(ending: Ending): Outcome {
  const outcome = plainOutcomeOf(ending)
  return outcome === 'dropped' && isOverForCaller(ending) ? 'ignored' : outcome
}

function plainOutcomeOf({ sentInFull, statusCode, error, isLate }: Ending): Outcome {
  // Whoever leaves may have had any reason, and the work was not seen to its end.
  if (!sentInFull) return 'ignored'
  if (isTimeout(error) || statusCode === 504) return 'dropped'
  // Refused further in (by a guard, say), which took no time; unless it is our own deadline.
  if (isSpillwayError(error)) return isLate ? 'dropped' : 'ignored'
  // A failure, instant or not, is no measure of how long the work takes.
  return statusCode >= 500 ? 'ignored' : 'success'
}

function isOverForCaller({ error, isLate, isLateForCaller }: Ending): boolean {
  const isSaid = isSpillwayError(error) && error.reason === callerDeadline
  return isSaid || (isLateForCaller && !isLate)
}

/** Whether a response went out because its handler took too long, and the handler goes on. */
export function isTimeout(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined | null)?.code
  return code === 'FST_ERR_HANDLER_TIMEOUT' || code === 'SPW_ERR_CALL_TIMEOUT'
}
