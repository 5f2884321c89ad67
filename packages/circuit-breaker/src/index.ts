import { knownKeys, positiveInteger } from '@spillway/core'
import { addComponent, addRetryAfter, decorateRequests } from '@spillway/plugin-kit'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { BreakerSet } from './breaker-set.ts'
import type { Breakers } from './breakers.ts'

// One breaker, without Fastify
export { createBreaker } from './create-breaker.ts'
export { breakerError } from './breaker.ts'
export type {
  Breaker,
  BreakerControl,
  BreakerOutcome,
  BreakerPass,
  BreakerRefusal,
  BreakerState,
  BreakerStats,
  CallOptions,
  ChangeReason,
  StateChange,
  Work,
} from './breaker.ts'
export type { BreakerOptions, CircuitOptions, IsFailure } from './options.ts'
export type { ParsedOptions as ParsedBreakerOptions } from './options.ts'
export { circuitKeys, parseOptions as parseBreakerOptions } from './options.ts'
export { breakerOutcome, classifyFailure } from './classify.ts'
export { expiryOutcome, hasStoodStill } from './call.ts'
export { abandonedError, earlyTimerMs, notStartedError } from './caller-left.ts'
export { breakerChannels } from './channels.ts'
export type { BreakerChanged } from './channels.ts'
export { logStateChanges } from './change-log.ts'
export type { InfoLogger } from './change-log.ts'

// All of an application's, and what its requests bring for them
export type { RequestCallOptions } from '@spillway/plugin-kit'
export type { Breakers, NamedBreaker } from './breakers.ts'
export type {
  Action,
  ActionContext,
  DefinedBreaker,
  DefinedBreakerStats,
  Fallback,
} from './defined-breaker.ts'

/** Options of the Fastify plugin. */
export interface CircuitBreakerPluginOptions {
  /**
   * Most breakers that may be defined; a bound on memory and on metric labels.
   *
   * @default 100: more downstreams than one service has, fewer than a mistake makes
   */
  readonly maxBreakers?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The calls to downstreams of this application, each behind its breaker. */
    breakers: Breakers
  }
}

const plugin: FastifyPluginAsync<CircuitBreakerPluginOptions> = async (fastify, options) => {
  knownKeys('options', options, ['maxBreakers'])
  const maxBreakers = positiveInteger('maxBreakers', options.maxBreakers ?? 100)
  const breakers = new BreakerSet(maxBreakers, fastify.log.child({ plugin: 'circuit-breaker' }))

  fastify.decorate('breakers', breakers)
  decorateRequests(fastify, {}, undefined, { isInForce: () => breakers.isInForce })
  addRetryAfter(fastify)
  fastify.addHook('onClose', async () => {
    breakers.close()
  })
  addComponent(fastify, breakers)
}

/**
 * Decorates the application with `breakers`, and its requests with `callOptions` to hand to them.
 *
 * @throws SPW_ERR_OPTION at registration, for a wrong option
 */
export const circuitBreaker: FastifyPluginAsync<CircuitBreakerPluginOptions> = fp(plugin, {
  name: '@spillway/circuit-breaker',
  fastify: '5.x || 6.x',
})
export default circuitBreaker
