import type { Pausable, Priority } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import { cancelSignalOf } from './cancel-signal.ts'
import { remainingMs } from './deadline.ts'
import { stateOf } from './request-state.ts'
import { workloadOf } from './route-settings.ts'

/** What a guard wants to know of a call that is made for a request. */
export interface RequestCallOptions {
  /** Milliseconds that were left when this was read; undefined when nothing bounds the request. */
  readonly deadlineMs: number | undefined
  readonly priority: Priority
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
    deadlineMs: remainingMs(request),
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
