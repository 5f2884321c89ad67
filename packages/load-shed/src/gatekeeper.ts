import type { LoadShedder } from '@spillway/core'
import type { Rejection } from '@spillway/plugin-kit'
import { isSettled, priorityFor } from '@spillway/plugin-kit'
import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { ParsedOptions } from './options.ts'
import type { RouteSettings } from './route.ts'
import type { ShedLog } from './shed-log.ts'
import { Visit } from './visit.ts'

/** What all requests of a scope have in common. */
export interface Gate {
  readonly shedder: LoadShedder
  readonly rejection: Rejection
  readonly log: ShedLog
  readonly priority: ParsedOptions['priority']
  readonly settingsOf: (request: FastifyRequest) => RouteSettings
}

/** Decides about each request, before anything of its body has been read: the `onRequest` hook. */
export function gatekeeper(gate: Gate): onRequestHookHandler {
  const { shedder, rejection, log, priority, settingsOf } = gate
  return (request, reply, done) => {
    const route = settingsOf(request)
    if (route.kind === 'open') {
      done()
      return
    }
    // The client left while an earlier hook was at work: nobody is there to go on for.
    if (isSettled(reply)) return
    const own = route.priority ?? priority?.(request) ?? request.priority
    const importance = priorityFor(request, own)
    const refusal = shedder.decide(importance)
    if (refusal !== undefined) {
      log.count(refusal.reason)
      rejection.send(reply, refusal)
    } else if (shedder.mayRun()) done()
    else new Visit(gate, reply, importance, done).enter()
  }
}
