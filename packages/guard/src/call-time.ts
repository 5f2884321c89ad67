import { earlyTimerMs } from '@spillway/circuit-breaker'
import type { Mode, Permit } from '@spillway/core'
import { callerDeadline, SpillwayError } from '@spillway/core'
import type { CallOptions } from './call-options.ts'

/** A call's options as they were when the guard was asked. */
export interface AskedCall extends CallOptions {
  /** The deadline that the caller has named, without the guard's own default. */
  readonly handedMs: number | undefined
  /** The guard's, for all of the call. */
  readonly mode: Mode
}

/** Why a call's time is up. */
export type TimeoutReason = 'deadline' | 'timeout' | typeof callerDeadline

/** Until when a call may run, and who says so: moments on the guard's clock. */
export interface CallTime {
  /** By this service: its deadline or the guard's timeout. */
  readonly ownUntil: number
  /** By a caller who may be anybody. Infinity: it says nothing. */
  readonly callerUntil: number
  /** As far as work should know: a guard that does not enforce gives no time of its own. */
  readonly workUntil: number
  /** Whose word is the first to count. */
  readonly reason: TimeoutReason
  readonly ownReason: TimeoutReason
}

/** Wait and run together get what was left when the guard was asked. */
export function callTime(
  { startedAt, waitedMs }: Permit,
  { deadlineMs = Infinity, callerDeadlineMs = Infinity, handedMs = Infinity, mode }: AskedCall,
  timeoutMs: number,
): CallTime {
  const askedAt = startedAt - waitedMs
  const deadlineAt = askedAt + deadlineMs
  const ownUntil = Math.min(startedAt + timeoutMs, deadlineAt)
  const callerUntil = askedAt + callerDeadlineMs
  const ownReason = ownUntil === deadlineAt ? 'deadline' : 'timeout'
  return {
    ownUntil,
    callerUntil,
    workUntil: mode === 'enforce' ? ownUntil : askedAt + handedMs,
    reason: callerUntil < ownUntil ? callerDeadline : ownReason,
    ownReason,
  }
}

/** What a call has that goes on without its caller. */
export function withoutCaller(time: CallTime): CallTime {
  return { ...time, callerUntil: Infinity, reason: time.ownReason }
}

/** Whether the client library may have kept the caller's deadline itself, a little before us. */
export function isOverForCaller({ reason, callerUntil }: CallTime, now: number): boolean {
  return reason === callerDeadline && now >= callerUntil - earlyTimerMs
}

/** What the caller of such a call is told. */
export function timeoutError({ reason }: CallTime, more: { cause?: unknown } = {}): SpillwayError {
  return new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason, ...more })
}
