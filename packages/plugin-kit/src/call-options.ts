import type { Priority } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import { cancelSignalOf } from './cancel-signal.ts'
import { remainingMs } from './deadline.ts'
import { stateOf } from './request-state.ts'

/** What a guard wants to know of a call that is made for a request. */
export interface RequestCallOptions {
  /** Milliseconds that were left when this was read; undefined when nothing bounds the request. */
  readonly deadlineMs: number | undefined
  readonly priority: Priority
  readonly signal: AbortSignal
}

/** Behind the decorator `request.callOptions`. */
export function callOptionsOf(request: FastifyRequest): RequestCallOptions {
  return {
    deadlineMs: remainingMs(request),
    priority: stateOf(request).priority,
    signal: cancelSignalOf(request),
  }
}
