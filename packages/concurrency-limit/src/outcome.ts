import type { Outcome } from '@spillway/core'
import { isSpillwayError } from '@spillway/core'

/** How the work on a request ended. */
export interface Ending {
  /** False when the client was gone before. */
  readonly wasAnswered: boolean
  readonly statusCode: number
  /** The error that was answered, if any. */
  readonly error: unknown
  /** Whether the request's deadline has passed. */
  readonly isLate: boolean
}

/** What it tells the limit. */
export function outcomeOf({ wasAnswered, statusCode, error, isLate }: Ending): Outcome {
  // Whoever leaves may have had any reason, and the work was not seen to its end.
  if (!wasAnswered) return 'ignored'
  if (isTimeout(error) || statusCode === 504) return 'dropped'
  // Refused further in (by a guard, say), which took no time; unless it is our own deadline.
  if (isSpillwayError(error)) return isLate ? 'dropped' : 'ignored'
  // A failure, instant or not, is no measure of how long the work takes.
  return statusCode >= 500 ? 'ignored' : 'success'
}

/** Where the time of a request has gone, in milliseconds. */
export interface TimeSpent {
  /** With its permit. */
  readonly heldMs: number
  /** While its permit was paused. */
  readonly pausedMs: number
  /** What requests take with their permit that are answered in time. */
  readonly usualMs: number
  readonly isLate: boolean
}

/**
 * Whether a request that took too long says nothing about what the door protects. Either it was in
 * guards most of the time, and they know what was wrong; or its deadline was less than requests take:
 * callers choose those, and too many that are too tight must not take the limit down.
 */
export function isExcused({ heldMs, pausedMs, usualMs, isLate }: TimeSpent): boolean {
  return pausedMs > heldMs || (isLate && heldMs < usualMs)
}

/** Whether a response went out because its handler took too long, and the handler goes on. */
export function isTimeout(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined | null)?.code
  return code === 'FST_ERR_HANDLER_TIMEOUT' || code === 'SPW_ERR_CALL_TIMEOUT'
}
