import { systemClock } from '@spillway/core'
import type { FastifyRequest } from 'fastify'

/** Until when the answer to a request is of use to anybody. */
export interface Deadline {
  /** The moment on the clock of `performance.now()`, in milliseconds. */
  readonly expiresAtMs: number
  /** Milliseconds left, read anew each time; zero or less once it has passed. */
  readonly remainingMs: number
}

/** What {@link stampDeadline} writes on each request. Infinity: no deadline. */
export const expiresAtKey: unique symbol = Symbol('spillway.deadlineExpiresAt')

type Stamped = FastifyRequest & { [expiresAtKey]?: number }

/**
 * Writes the deadline on the request: from its route's (or the server's) `handlerTimeout`, else from
 * the default. The tightest wins when several plugins bring a default.
 */
export function stampDeadline(request: FastifyRequest, defaultMs: number | undefined): void {
  const stamped: Stamped = request
  const handlerTimeout = request.routeOptions.handlerTimeout ?? 0
  const budgetMs = handlerTimeout > 0 ? handlerTimeout : defaultMs
  if (budgetMs === undefined) return
  const expiresAt = systemClock.now() + budgetMs
  stamped[expiresAtKey] = Math.min(stamped[expiresAtKey] ?? Infinity, expiresAt)
}

/** Milliseconds that the request has left; undefined when it has no deadline. */
export function remainingMs(request: FastifyRequest): number | undefined {
  const expiresAt = expiryOf(request)
  return expiresAt === Infinity ? undefined : expiresAt - systemClock.now()
}

/** The moment at which the request expires; Infinity when it has no deadline. */
export function expiryOf(request: FastifyRequest): number {
  return (request as Stamped)[expiresAtKey] ?? Infinity
}

/** Behind the decorator `request.deadline`. */
export function deadlineOf(request: FastifyRequest): Deadline | undefined {
  const expiresAtMs = expiryOf(request)
  if (expiresAtMs === Infinity) return undefined
  return {
    expiresAtMs,
    get remainingMs() {
      return expiresAtMs - systemClock.now()
    },
  }
}
