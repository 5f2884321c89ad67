import type { Outcome } from '@spillway/core'
import { callerDeadline, isSpillwayError } from '@spillway/core'

/** How the work on a request ended. */
export interface Ending {
  /** False when the client was gone before. */
  readonly wasAnswered: boolean
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

function plainOutcomeOf({ wasAnswered, statusCode, error, isLate }: Ending): Outcome {
  // Whoever leaves may have had any reason, and the work was not seen to its end.
  if (!wasAnswered) return 'ignored'
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

/** Where the time of a request has gone, in milliseconds. */
export interface TimeSpent {
  /** With its permit. */
  readonly heldMs: number
  /** While its permit was paused. */
  readonly pausedMs: number
}

/**
 * Whether a request that took too long says nothing about what the door protects: it was in guards
 * most of the time, and they know what was wrong.
 */
export function isExcused({ heldMs, pausedMs }: TimeSpent): boolean {
  return pausedMs > heldMs
}

/** Whether a response went out because its handler took too long, and the handler goes on. */
export function isTimeout(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined | null)?.code
  return code === 'FST_ERR_HANDLER_TIMEOUT' || code === 'SPW_ERR_CALL_TIMEOUT'
}
