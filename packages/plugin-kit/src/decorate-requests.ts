import type { Priority } from '@spillway/core'
import { milliseconds } from '@spillway/core'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { cancelSignalOf, replyKey } from './cancel-signal.ts'
import type { Deadline } from './deadline.ts'
import { deadlineOf, expiresAtKey, stampDeadline } from './deadline.ts'

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
  const isFirst = !fastify.hasRequestDecorator(expiresAtKey)
  if (isFirst) addDecorators(fastify)
  if (isFirst || defaultDeadlineMs !== undefined) addDeadlineHook(fastify, defaultDeadlineMs)
}

function addDecorators(fastify: FastifyInstance): void {
  fastify.decorateRequest(expiresAtKey, Infinity)
  fastify.decorateRequest(replyKey, null as never)
  fastify.decorateRequest('priority', 'default')
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

function addDeadlineHook(fastify: FastifyInstance, defaultMs: number | undefined): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    ;(request as { [replyKey]?: FastifyReply })[replyKey] = reply
    stampDeadline(request, defaultMs)
    done()
  })
}
