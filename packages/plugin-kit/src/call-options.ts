import type { Pausable, Priority } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import { cancelSignalOf, stateOfSignal } from './cancel-signal.ts'
import type { RemainingTime } from './deadline.ts'
import { remainingTime, remainingTimeOf } from './deadline.ts'
import { stateOf } from './request-state.ts'
import { workloadOf } from './route-settings.ts'

/** What a guard wants to know of a call that is made for a request; the times as they were when read. */
export interface RequestCallOptions extends RemainingTime {
  readonly priority: Priority
  /** Aborts when the client disconnects, or at the first of the two deadlines. */
  readonly signal: AbortSignal
  /** The pattern of the route: its calls cost about the same. */
  readonly workload: string
  /** The permit of the request, which pauses while a guard is at work; undefined without a door. */
  readonly permit: Pausable | undefined
}

/** Behind the decorator `request.callOptions`. */
export function callOptionsOf(request: FastifyRequest): RequestCallOptions {
  const { priority, permit } = stateOf(request)
  return {
    ...remainingTime(request),
    priority,
    signal: cancelSignalOf(request),
    workload: workloadOf(request),
    permit,
  }
}

/** Makes the permit under which a request runs known to the guards that it calls. */
export function runsUnder(request: FastifyRequest, permit: Pausable): void {
  stateOf(request).permit = permit
}

/** As much of a call's options. */
interface TimedCall extends Partial<RemainingTime> {
  readonly signal?: AbortSignal | undefined
}

/**
 * The deadlines of a call as they are now. `request.deadline` is one number, whoever has said it; by
 * the request's signal beside it what anybody may have said is told from what the service says.
 */
export function callDeadlines(call: TimedCall): RemainingTime {
  const { deadlineMs, callerDeadlineMs } = call
  const state = deadlineMs === undefined ? undefined : stateOfSignal(call.signal)
  if (state === undefined || callerDeadlineMs !== undefined) return { deadlineMs, callerDeadlineMs }
  const ofRequest = remainingTimeOf(state, state.budget)
  const isOfCaller = deadlineMs! >= (ofRequest.callerDeadlineMs ?? Infinity)
  return isOfCaller ? ofRequest : { deadlineMs, callerDeadlineMs }
}
