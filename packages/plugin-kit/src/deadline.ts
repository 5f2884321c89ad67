import { systemClock } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import type { CallerWishes } from './caller.ts'
import { routeOf, stateOf } from './request-state.ts'

/** Until when the answer to a request is of use to anybody. */
export interface Deadline {
  /** The moment on the clock of `performance.now()`, in milliseconds. */
  readonly expiresAtMs: number
  /** Milliseconds left, read anew each time; zero or less once it has passed. */
  readonly remainingMs: number
}

/**
 * Sets the deadline of a request that has just come: that of its route's (or the server's)
 * `handlerTimeout`, else the default; or what its caller says, if that is tighter. A trusted caller's
 * word replaces the default, but not a `handlerTimeout`, at which Fastify answers in any case.
 */
export function setDeadline(request: FastifyRequest, defaultMs: number | undefined): void {
  const state = stateOf(request)
  const handlerTimeout = routeOf(request).handlerTimeout ?? 0
  const ownMs = handlerTimeout > 0 ? handlerTimeout : defaultMs
  const budgetMs = withWish(ownMs, handlerTimeout > 0, state.wishes)
  if (budgetMs !== undefined) state.expiresAtMs = systemClock.now() + budgetMs
}

function withWish(
  ownMs: number | undefined,
  isEnforced: boolean,
  wishes: CallerWishes | undefined,
): number | undefined {
  if (wishes?.deadlineMs === undefined) return ownMs
  // A default is for callers who say nothing, or whose word does not count.
  if (ownMs === undefined || (wishes.isTrusted && !isEnforced)) return wishes.deadlineMs
  return Math.min(ownMs, wishes.deadlineMs)
}

/** Milliseconds that the request has left; undefined when it has no deadline. */
export function remainingMs(request: FastifyRequest): number | undefined {
  const { expiresAtMs } = stateOf(request)
  return expiresAtMs === Infinity ? undefined : expiresAtMs - systemClock.now()
}

/** Behind the decorator `request.deadline`. */
export function deadlineOf(request: FastifyRequest): Deadline | undefined {
  const { expiresAtMs } = stateOf(request)
  if (expiresAtMs === Infinity) return undefined
  return {
    expiresAtMs,
    get remainingMs() {
      return expiresAtMs - systemClock.now()
    },
  }
}
