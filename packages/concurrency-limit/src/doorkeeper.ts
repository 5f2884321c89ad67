import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import type { RequestTerms } from '@spillway/plugin-kit'
import { createRejection, isSettled } from '@spillway/plugin-kit'
import { hasBody } from './body.ts'
import type { Classifier } from './classifier.ts'
import { refusingGuard } from './dependencies.ts'
import type { Door, LimiterSet } from './limiter-set.ts'
import type { ParsedOptions } from './options.ts'
import type { LimitedRoute, RouteSettings } from './route.ts'
import { routeSettingsOf } from './route.ts'
import type { House } from './visit.ts'
import { setVisit, Visit, visitOf } from './visit.ts'

/** Decides about each request of a scope, before anything of its body has been read. */
export class Doorkeeper implements RequestTerms {
  readonly #house: House
  readonly #defaultDoor: Door
  readonly #unmatched: RouteSettings
  readonly #settingsOf: (request: FastifyRequest) => RouteSettings

  constructor(
    options: ParsedOptions,
    limiters: LimiterSet,
    settingsOf: (request: FastifyRequest) => RouteSettings,
    classifier: Classifier,
  ) {
    const rejection = createRejection({ statusCode: options.statusCode })
    this.#house = { options, rejection, classifier }
    this.#settingsOf = settingsOf
    this.#defaultDoor = limiters.defaultDoor
    this.#unmatched = options.includeNotFound
      ? routeSettingsOf(limiters, undefined, { url: undefined, method: 'ANY' })
      : { kind: 'open' }
  }

  /** The `onRequest` hook. */
  receive(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
    const route = this.#routeOf(request)
    if (route.kind === 'open') {
      done()
      return
    }
    // The client left while an earlier hook was at work: nobody is there to go on for.
    if (isSettled(reply)) return
    const visit = new Visit(this.#house, route, reply, done)
    if (request.priority !== visit.priority) request.priority = visit.priority
    if (isAsked(route) && this.#refusesForGuard(route, visit, reply)) return
    setVisit(request, visit)
    if (hasBody(request.raw)) visit.awaitBody()
    else visit.enter()
  }

  /** The `preValidation` hook: the body is there, or the handler is to read it. */
  receiveBody(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
    const visit = visitOf(request)
    if (visit?.awaitsBody !== true || isSettled(reply)) done()
    else visit.enterWithBody(done)
  }

  /** RequestTerms */
  readonly isInForce = (request: FastifyRequest): boolean => {
    const route = this.#routeOf(request)
    const door = route.kind === 'open' ? this.#defaultDoor : route.door
    return door.limiter.mode === 'enforce'
  }

  /** RequestTerms. What the door has nothing to do with (a stream of events, say) may take for ever. */
  readonly routeDeadlineMs = (request: FastifyRequest): number | false | undefined => {
    const route = this.#routeOf(request)
    return route.kind === 'open' ? false : route.deadlineMs
  }

  #routeOf(request: FastifyRequest): RouteSettings {
    return request.is404 ? this.#unmatched : this.#settingsOf(request)
  }

  #refusesForGuard({ door, dependsOn }: LimitedRoute, visit: Visit, reply: FastifyReply): boolean {
    const refused = refusingGuard(reply.server, dependsOn, visit)
    if (refused === undefined) return false
    const isEnforced = door.limiter.mode === 'enforce'
    door.log.count(`guard ${refused.guard}`, isEnforced)
    if (!isEnforced) {
      door.wouldHaveRefusedByGuard += 1
      return false
    }
    door.refusedByGuard += 1
    this.#house.rejection.send(reply, refused.refusal)
    return true
  }
}

/** Whether the guards of the route have a say. */
function isAsked({ door, dependsOn }: LimitedRoute): boolean {
  return dependsOn.length > 0 && door.limiter.mode !== 'off'
}

/**
 * Lets a visit see what the route's handler returns, so that work which goes on after its client
 * has gone can be counted: Fastify has no hook for the end of a handler.
 */
export function watchHandler(route: RouteOptions): void {
  const { handler } = route
  route.handler = function watched(request, reply) {
    const work: unknown = handler.call(this, request, reply)
    visitOf(request)?.working(work)
    return work
  }
}
