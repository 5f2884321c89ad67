import { knownKeys, positiveInteger } from '@spillway/core'
import type { RequestOptions } from '@spillway/plugin-kit'
import { addRetryAfter, decorateRequests } from '@spillway/plugin-kit'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Guards } from './guards.ts'
import { GuardSet } from './guards.ts'

// One downstream
export { createGuard } from './guard.ts'
export type { Guard, GuardStats } from './guard.ts'
export type { CallOptions } from './call-options.ts'
export type { Work } from './work.ts'
export type { RunningCall } from './running-call.ts'
export { callHeaders } from './call-headers.ts'
export type { GuardCircuitOptions } from './circuit-options.ts'
export type { Classify, DownstreamOptions, GuardOptions } from './options.ts'
export { classifyError } from './classify.ts'

// All of an application's
export type { Guards } from './guards.ts'

/** Options of the Fastify plugin. */
export interface GuardPluginOptions extends RequestOptions {
  /**
   * Most guards that may be defined; a bound on memory and on metric labels.
   *
   * @default 100: more downstreams than one service has, fewer than a mistake makes
   */
  readonly maxGuards?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The downstreams of this application, each behind its guard. */
    guards: Guards
  }
}

const plugin: FastifyPluginAsync<GuardPluginOptions> = async (fastify, options) => {
  knownKeys('options', options, ['maxGuards', 'defaultDeadlineMs', 'callerHeaders', 'clock'])
  const maxGuards = positiveInteger('maxGuards', options.maxGuards ?? 100)
  const guards = new GuardSet(maxGuards, fastify.log.child({ plugin: 'guard' }), options.clock)

  fastify.decorate('guards', guards)
  decorateRequests(fastify, options, undefined, { isInForce: () => guards.isInForce })
  addRetryAfter(fastify)
  fastify.addHook('onClose', async () => {
    guards.close()
  })
}

/** Decorates the application with `guards`, and its requests with `callOptions` to hand to them. */
export const guard: FastifyPluginAsync<GuardPluginOptions> = fp(plugin, {
  name: '@spillway/guard',
  fastify: '5.x || 6.x',
})
export default guard
