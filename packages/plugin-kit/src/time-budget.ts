import type { CallerWishes } from './caller.ts'

/** How long the answer to a request is of use, in milliseconds, and who says so. */
export interface TimeBudget {
  /** By this service, or a caller that it trusts. Infinity: no deadline. */
  readonly ownMs: number
  /** By a caller who may be anybody; Infinity unless that is less. */
  readonly callerMs: number
}

export const unbounded: TimeBudget = Object.freeze({ ownMs: Infinity, callerMs: Infinity })

/** What there is to say about the time of a request; undefined: nothing is said. */
export interface TimeClaims {
  /** At which Fastify answers in any case. */
  readonly handlerTimeoutMs: number | undefined
  /** The route's own; false: none by default. */
  readonly routeMs: number | false | undefined
  /** That of the plugins, where neither route nor server says more. */
  readonly defaultMs: number | undefined
  readonly wishes: CallerWishes | undefined
}

/**
 * A trusted caller's word replaces what the service would give, but nothing is longer than a
 * `handlerTimeout`. What anybody may have said only ever tightens, and is kept apart: it may end
 * the caller's own request, and proves nothing about the service.
 */
export function timeBudget(claims: TimeClaims): TimeBudget {
  const { handlerTimeoutMs = Infinity, wishes } = claims
  const wishMs = wishes?.deadlineMs
  const givenMs = wishMs !== undefined && wishes!.isTrusted ? wishMs : givenByService(claims)
  const ownMs = Math.min(givenMs, handlerTimeoutMs)
  if (wishMs !== undefined && wishMs < ownMs) return { ownMs, callerMs: wishMs }
  return ownMs === Infinity ? unbounded : { ownMs, callerMs: Infinity }
}

function givenByService({ handlerTimeoutMs, routeMs, defaultMs }: TimeClaims): number {
  if (routeMs !== undefined) return routeMs === false ? Infinity : routeMs
  return handlerTimeoutMs ?? defaultMs ?? Infinity
}
