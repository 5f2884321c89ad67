import type { ErrorCode } from '../errors.ts'
import { SpillwayError } from '../errors.ts'
import type { Outcome } from '../limit/limit.ts'
import { checkName, checkTime, checkTimedCall } from '../check-call.ts'
import { functionOption } from '../options.ts'
import type { Priority } from '../priority.ts'
import { checkPriority } from '../priority.ts'
import { hasPassed } from './wait-budget.ts'

/** What a caller says about the call it wants to make; undefined is the same as not said. */
export interface AcquireOptions {
  /** @default 'default' */
  readonly priority?: Priority | undefined
  /**
   * Milliseconds left until the answer is worthless, as this service says. Without it, or with
   * Infinity, the wait is bounded by the queue's `maxWaitMs`, half a second where there is none.
   */
  readonly deadlineMs?: number | undefined
  /**
   * Milliseconds left until the answer is worthless, by the word of a caller that anybody may be. It
   * bounds the wait of its own call like `deadlineMs`; in what order calls are served, and what their
   * durations tell the limit, does not depend on it.
   *
   * @default none
   */
  readonly callerDeadlineMs?: number | undefined
  /** Upper bound of the wait for this call; only ever shortens the queue's own. */
  readonly maxWaitMs?: number | undefined
  /** Whose call it is (a tenant, a route). Partitions share the limit fairly while it is scarce. */
  readonly partition?: string | undefined
  /** Calls of one workload cost about the same; keeps a change of mix from looking like overload. */
  readonly workload?: string | undefined
  /**
   * Asked when nothing is free, with the limit and the time: whether the call takes so little that it
   * may run all the same. It counts as in flight, and tells the limit nothing.
   *
   * @default never
   */
  readonly mayExceed?: ((limit: number, now: number) => boolean) | undefined
  /** Leaves the queue at once when it aborts. */
  readonly signal?: AbortSignal | undefined
}

/**
 * What can give its place to others for a while. Pauses nest: calls that run side by side each pause
 * and resume, and the place is taken again with the last of them.
 */
export interface Pausable {
  /** Gives the place back. Does nothing once released. */
  pause(): void
  /**
   * Takes a place again: without waiting, and though the limit be exceeded by it, since the work has
   * begun. Does nothing when it is not paused.
   */
  resume(): void
}

/**
 * The right to run once. Release it exactly when the work has really ended, and pause it while the
 * work waits for what this limiter does not protect.
 */
export interface Permit extends Pausable {
  readonly kind: 'permit'
  readonly priority: Priority
  /** Monotonic milliseconds (the limiter's clock) at which the call was admitted. */
  readonly startedAt: number
  /** Milliseconds spent waiting for this permit. */
  readonly waitedMs: number
  /** Milliseconds from `startedAt` to the release, pauses left out; 0 before. */
  readonly durationMs: number
  /** Milliseconds that it has been paused so far. */
  readonly pausedMs: number
  /**
   * What the call would have been answered if the limiter did not merely observe, where that was clear
   * at once; a call that would have waited in vain is only counted.
   */
  readonly observed?: Refusal | undefined
  /**
   * Gives the permit back. The first call counts, later ones do nothing.
   *
   * @default 'success'
   * @throws SPW_ERR_OPTION for any other word; then it has come back as ignored
   */
  release(outcome?: Outcome): void
}

/** Why a call was refused. */
export type RefusalReason =
  /** no permit free and no room to wait (`tryAcquire`, a full queue, a queue of size 0) */
  | 'limit'
  /** pushed out of a full queue by a more important call */
  | 'evicted'
  /** refused at once: the estimated wait is longer than the call may wait */
  | 'estimated_wait'
  /** waited as long as it may, or so long that at the present pace it would be answered too late */
  | 'waited'
  /** the deadline has passed, or what is left of it is shorter than a call takes */
  | 'deadline'
  /** the caller gave up while waiting */
  | 'cancelled'
  /** what stands behind the limiter has failed, and whoever waited for it was sent away */
  | 'circuit_open'
  /** the limiter was closed */
  | 'closed'

/** A refusal is a value, not an error: saying no must be cheap. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly reason: RefusalReason
  readonly code: ErrorCode
  /** When a retry has a chance: the backlog at the rate it drains, without jitter. */
  readonly retryAfterMs: number
}

/** A place in the queue. */
export interface Waiting {
  readonly kind: 'waiting'
  /** Leaves the queue, O(1). The waiter is told `cancelled`. Does nothing once settled. */
  cancel(): void
}

/**
 * Who waits. Exactly one of the two is called, once, never before `admit` has returned. Who is pushed
 * out of a full queue is told in a microtask, when the call that took its place has its answer. What a
 * waiter throws becomes an uncaught exception, and the permit that it was given comes back.
 */
export interface Waiter {
  admitted(permit: Permit): void
  refused(refusal: Refusal): void
}

/** The answer to one call: go, no, or wait. */
export type Admission = Permit | Refusal | Waiting

const codes: Readonly<Record<RefusalReason, ErrorCode>> = {
  limit: 'SPW_ERR_LIMIT_EXCEEDED',
  evicted: 'SPW_ERR_LIMIT_EXCEEDED',
  estimated_wait: 'SPW_ERR_LIMIT_EXCEEDED',
  waited: 'SPW_ERR_QUEUE_TIMEOUT',
  deadline: 'SPW_ERR_DEADLINE',
  cancelled: 'SPW_ERR_CANCELLED',
  circuit_open: 'SPW_ERR_CIRCUIT_OPEN',
  closed: 'SPW_ERR_CLOSED',
}

export const refusalReasons: readonly RefusalReason[] = Object.keys(codes) as RefusalReason[]

export function refusal(reason: RefusalReason, retryAfterMs: number): Refusal {
  return { kind: 'refusal', reason, code: codes[reason], retryAfterMs }
}

/** The error form of a refusal, for callers that await. */
export function refusalError({ code, reason, retryAfterMs }: Refusal): SpillwayError {
  return new SpillwayError(code, { reason, retryAfterMs })
}

/** What a caller says about a call, before anything is done about it. @throws SPW_ERR_OPTION */
export function checkAcquireOptions(options: AcquireOptions): void {
  checkTimedCall(options)
  const { priority, maxWaitMs, partition, workload, mayExceed } = options
  checkPriority(priority ?? 'default')
  checkTime('maxWaitMs', maxWaitMs)
  checkName('partition', partition)
  checkName('workload', workload)
  if (mayExceed !== undefined) functionOption('mayExceed', mayExceed)
}

/** What is in the way of a call by what it says of itself. */
export function obstacleInCall({
  deadlineMs,
  callerDeadlineMs,
  signal,
}: AcquireOptions): 'deadline' | 'cancelled' | undefined {
  if (hasPassed(deadlineMs) || hasPassed(callerDeadlineMs)) return 'deadline'
  return signal?.aborted === true ? 'cancelled' : undefined
}
