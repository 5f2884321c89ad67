import type { Priority } from '@spillway/core'
import {
  deadlineHeader,
  parseDeadlineHeader,
  parsePriorityHeader,
  priorityHeader,
  rankOf,
} from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import type { RequestPolicy } from './request-policy.ts'
import { stateOf } from './request-state.ts'

/** What a caller says of its own request. */
export interface CallerWishes {
  readonly deadlineMs: number | undefined
  readonly priority: Priority | undefined
  /** Whether it may ask for more than it would get, too. */
  readonly isTrusted: boolean
}

/** Undefined when the headers say nothing, or nothing that counts. */
export function wishesOf(
  request: FastifyRequest,
  callerHeaders: RequestPolicy['callerHeaders'],
): CallerWishes | undefined {
  const { headers } = request
  const deadline = headers[deadlineHeader]
  const importance = headers[priorityHeader]
  if (deadline === undefined && importance === undefined) return undefined
  const trust = typeof callerHeaders === 'function' ? callerHeaders(request) : callerHeaders
  if (trust === 'ignore') return undefined
  return {
    deadlineMs: parseDeadlineHeader(deadline),
    priority: parsePriorityHeader(importance),
    isTrusted: trust === 'trust',
  }
}

/** The priority that a request gets where this service would give it `own`. */
export function priorityFor(request: FastifyRequest, own: Priority): Priority {
  const { wishes } = stateOf(request)
  if (wishes?.priority === undefined) return own
  if (wishes.isTrusted) return wishes.priority
  return rankOf(wishes.priority) > rankOf(own) ? wishes.priority : own
}
