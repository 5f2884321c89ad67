import type { Clock, Pausable, Priority } from '@spillway/core'
import { systemClock } from '@spillway/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CallerWishes } from './caller.ts'
import type { CancelSource } from './cancel-signal.ts'
import type { TimeBudget } from './time-budget.ts'
import { unbounded } from './time-budget.ts'

type Route = FastifyRequest['routeOptions']

/**
 * What is known of a request. One object, assigned once: decorated values would be written on each
 * request one by one, whether anybody reads them or not.
 */
export class RequestState {
  priority: Priority = 'default'
  /** That of the plugins of its scope; every deadline is a moment on it. */
  clock: Clock = systemClock
  budget: TimeBudget = unbounded
  /** What the budget would be if no plugin merely observed. */
  observedBudget: TimeBudget = unbounded
  /** Since when the budget is used up; undefined while the body is still coming in. */
  countsFrom: number | undefined = 0
  /** What its headers say, as far as it counts. */
  wishes: CallerWishes | undefined
  cancelSource: CancelSource | undefined
  /** The right to run that a door has given it. */
  permit: Pausable | undefined
  /** A request does not know its reply; undefined before our own hook has run. */
  reply: FastifyReply | undefined
  /** Fastify builds `routeOptions` anew for each reader; here it is built once. */
  route: Route | undefined
}

const stateKey: unique symbol = Symbol('spillway.request')

type Stateful = FastifyRequest & { [stateKey]?: RequestState }

export function stateOf(request: FastifyRequest): RequestState {
  return ((request as Stateful)[stateKey] ??= new RequestState())
}

/** `request.routeOptions`, without building it again. */
export function routeOf(request: FastifyRequest): Route {
  return (stateOf(request).route ??= request.routeOptions)
}
