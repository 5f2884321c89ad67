import { isSpillwayError } from '@spillway/core'
import type { FastifyInstance } from 'fastify'
import { retryAfterSeconds } from './rejection.ts'

/** So that it is done once, however many plugins of a scope ask for it. */
const markKey: unique symbol = Symbol('spillway.retryAfter')

/**
 * Gives the answer to a refusal that a handler has thrown its `Retry-After`, as if it had been refused
 * at the door.
 */
export function addRetryAfter(fastify: FastifyInstance): void {
  if (fastify.hasDecorator(markKey)) return
  fastify.decorate(markKey, true)
  fastify.addHook('onError', (_request, reply, error, done) => {
    const retryAfterMs = isSpillwayError(error) ? error.retryAfterMs : undefined
    if (retryAfterMs !== undefined && !reply.hasHeader('retry-after')) {
      reply.header('retry-after', retryAfterSeconds(retryAfterMs, Math.random()))
    }
    done()
  })
}
