import type { Pausable, Priority } from '@spillway/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CallerWishes } from './caller.ts'

type Route = FastifyRequest['routeOptions']

/**
 * What is known of a request. One object, assigned once: decorated values would be written on each
 * request one by one, whether anybody reads them or not.
 */
export class RequestState {
  priority: Priority = 'default'
  /** On the clock of `performance.now()`. Infinity: no deadline. */
  expiresAtMs: number = Infinity
  /** What its headers say, as far as it counts. */
  wishes: CallerWishes | undefined
  cancelSignal: AbortSignal | undefined
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
