import type { Priority } from '@spillway/core'
import { milliseconds } from '@spillway/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { cancelSignalOf } from './cancel-signal.ts'
import type { Deadline } from './deadline.ts'
import { deadlineOf, setDeadline } from './deadline.ts'
import { stateOf } from './request-state.ts'

export interface RequestOptions {
  /**
   * Deadline of requests whose route and server have no `handlerTimeout`, in milliseconds.
   *
   * @default none
   */
  readonly defaultDeadlineMs?: number | undefined
}

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
  }
}

/**
 * Adds `deadline`, `priority` and `cancelSignal` to the requests of this scope. Every plugin that
 * needs them calls it; the second call in a scope adds nothing but its own default deadline.
 *
 * @throws SPW_ERR_OPTION when `defaultDeadlineMs` is not a positive duration
 */
export function decorateRequests(fastify: FastifyInstance, options: RequestOptions = {}): void {
  const { defaultDeadlineMs } = options
  if (defaultDeadlineMs !== undefined) milliseconds('defaultDeadlineMs', defaultDeadlineMs, 1)
  const isFirst = !fastify.hasRequestDecorator(markKey)
  if (isFirst) addDecorators(fastify)
  if (isFirst || defaultDeadlineMs !== undefined) addHook(fastify, defaultDeadlineMs)
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
}

function addHook(fastify: FastifyInstance, defaultMs: number | undefined): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    stateOf(request).reply = reply
    setDeadline(request, defaultMs)
    done()
  })
}
