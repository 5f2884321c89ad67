import { systemClock } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import { routeOf, stateOf } from './request-state.ts'

/** Until when the answer to a request is of use to anybody. */
export interface Deadline {
  /** The moment on the clock of `performance.now()`, in milliseconds. */
  readonly expiresAtMs: number
  /** Milliseconds left, read anew each time; zero or less once it has passed. */
  readonly remainingMs: number
}

/**
 * Sets the deadline of a request that has just come: from its route's (or the server's)
 * `handlerTimeout`, else from the default. The tightest wins when several plugins bring a default.
 */
export function setDeadline(request: FastifyRequest, defaultMs: number | undefined): void {
  const handlerTimeout = routeOf(request).handlerTimeout ?? 0
  const budgetMs = handlerTimeout > 0 ? handlerTimeout : defaultMs
  if (budgetMs === undefined) return
  const state = stateOf(request)
  state.expiresAtMs = Math.min(state.expiresAtMs, systemClock.now() + budgetMs)
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
