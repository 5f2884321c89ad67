import type { Priority } from '@spillway/core'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  onRequestHookHandler,
} from 'fastify'
import type { RequestCallOptions } from './call-options.ts'
import { callOptionsOf } from './call-options.ts'
import { priorityFor, wishesOf } from './caller.ts'
import { cancelSignalOf } from './cancel-signal.ts'
import type { Deadline } from './deadline.ts'
import { deadlineOf, setDeadline } from './deadline.ts'
import type { RequestOptions, RequestTerms } from './request-policy.ts'
import { addPolicy, policyOf } from './request-policy.ts'
import { stateOf } from './request-state.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What is left of the request's time; undefined when nothing bounds it. */
    readonly deadline: Deadline | undefined
    /** How important the request is, as far as anybody has said. */
    priority: Priority
    /**
     * Aborts when the client really disconnects, or at the deadline. Not Fastify's
     * `request.signal`, which aborts as soon as the body of a request has been read.
     */
    readonly cancelSignal: AbortSignal
    /**
     * Deadline, priority and cancel signal in the words of a guard: `db.run(work,
     * request.callOptions)`. Read it where the call is made: the time that is left gets less.
     */
    readonly callOptions: RequestCallOptions
  }
}

/**
 * Adds `deadline`, `priority`, `cancelSignal` and `callOptions` to the requests of this scope. Every
 * plugin that needs them calls it; the second call in a scope adds nothing but its options.
 *
 * @param next the plugin's own `onRequest` hook, which runs when those are known. Handed over here it
 *   is one hook with ours, which is worth 4 % of the requests of a route that does nothing else
 * @throws SPW_ERR_OPTION when an option is wrong, or another plugin of the scope contradicts it
 */
export function decorateRequests(
  fastify: FastifyInstance,
  options: RequestOptions = {},
  next?: onRequestHookHandler,
  terms?: Partial<RequestTerms>,
): void {
  addPolicy(fastify, options, terms)
  if (fastify.hasRequestDecorator(markKey)) {
    if (next !== undefined) fastify.addHook('onRequest', next)
    return
  }
  addDecorators(fastify)
  fastify.addHook('onRequest', next === undefined ? readRequest : readRequestBefore(next))
}

/** Tells our decorators from those of somebody else with the same names. */
const markKey: unique symbol = Symbol('spillway.decorated')

/** Getters on the prototype: nothing is written on a request that nobody asks. */
function addDecorators(fastify: FastifyInstance): void {
  fastify.decorateRequest(markKey, { getter: () => true })
  fastify.decorateRequest('priority', {
    getter(this: FastifyRequest) {
      return stateOf(this).priority
    },
    setter(this: FastifyRequest, priority: Priority) {
      stateOf(this).priority = priority
    },
  })
  fastify.decorateRequest('deadline', {
    getter(this: FastifyRequest) {
      return deadlineOf(this)
    },
  })
  fastify.decorateRequest('cancelSignal', {
    getter(this: FastifyRequest) {
      return cancelSignalOf(this)
    },
  })
  fastify.decorateRequest('callOptions', {
    getter(this: FastifyRequest) {
      return callOptionsOf(this)
    },
  })
}

function readRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  read(request, reply)
  done()
}

function readRequestBefore(next: onRequestHookHandler): onRequestHookHandler {
  return function (request, reply, done) {
    read(request, reply)
    next.call(this, request, reply, done)
  }
}

function read(request: FastifyRequest, reply: FastifyReply): void {
  const state = stateOf(request)
  const policy = policyOf(request)!
  state.reply = reply
  state.wishes = wishesOf(request, policy.callerHeaders)
  state.priority = priorityFor(request, state.priority)
  setDeadline(request, policy)
}
