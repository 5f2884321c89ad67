import { addComponent, decorateRequests, routeFacts, routeSettings } from '@spillway/plugin-kit'
import type { FastifyInstance, FastifyPluginAsync, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { SpillwayError } from '@spillway/core'
import { Classifier } from './classifier.ts'
import { DependencyCheck } from './dependencies.ts'
import { Doorkeeper, watchHandler } from './doorkeeper.ts'
import type { Limiters } from './limiter-set.ts'
import { LimiterSet } from './limiter-set.ts'
import type { ConcurrencyLimitOptions, ConcurrencyLimitRouteOptions } from './options.ts'
import { parseOptions } from './options.ts'
import { routeSettingsOf } from './route.ts'
import { visitOf } from './visit.ts'

export type { DoorStats, Limiters } from './limiter-set.ts'
export type {
  ConcurrencyLimitOptions,
  ConcurrencyLimitRouteOptions,
  NamedLimiterOptions,
} from './options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The limiters at the door of this scope. */
    limiters: Limiters
  }
  interface FastifyContextConfig {
    /** How the route's requests are admitted; false: always, uncounted. */
    concurrencyLimit?: ConcurrencyLimitRouteOptions | false
  }
}

const configKey = 'concurrencyLimit'

const plugin: FastifyPluginAsync<ConcurrencyLimitOptions> = async (fastify, options) => {
  refuseNesting(fastify)
  const parsed = parseOptions(options)
  const logger = fastify.log.child({ plugin: 'concurrency-limit' })
  const limiters = new LimiterSet(parsed, logger)
  const dependencies = new DependencyCheck()

  fastify.decorate('limiters', limiters)
  fastify.addHook('onRoute', function (route) {
    leaveSocketsAlone(route)
    watchHandler(route)
  })
  const settingsOf = routeSettings(fastify, configKey, (config, route) =>
    routeSettingsOf(limiters, config, route),
  )
  fastify.addHook('onRoute', function (route) {
    const names = dependenciesOf(route)
    const { method, url } = routeFacts(route)
    if (names.length > 0) dependencies.add(this, `${method} ${url}`, names)
  })

  const doorkeeper = new Doorkeeper(parsed, limiters, settingsOf, new Classifier(parsed, logger))
  const { defaultDeadlineMs, callerHeaders } = parsed
  decorateRequests(
    fastify,
    // Only a clock that was named: others may have been given to the scope's other plugins.
    { defaultDeadlineMs, callerHeaders, clock: options.clock },
    (request, reply, done) => {
      doorkeeper.receive(request, reply, done)
    },
    doorkeeper,
  )
  fastify.addHook('preValidation', (request, reply, done) => {
    doorkeeper.receiveBody(request, reply, done)
  })
  fastify.addHook('onError', (request, _reply, error, done) => {
    visitOf(request)?.failed(error)
    done()
  })
  fastify.addHook('onReady', async () => {
    dependencies.run()
  })
  fastify.addHook('onClose', async () => {
    limiters.close()
  })
  addComponent(fastify, limiters)
}

/** Two doors in a row would take two permits for one request. */
function refuseNesting(fastify: FastifyInstance): void {
  if (!fastify.hasDecorator('limiters')) return
  throw new SpillwayError('SPW_ERR_OPTION', {
    message:
      'concurrencyLimit is registered for this scope already; register it once, or in sibling scopes, and choose limiters with `config.concurrencyLimit.limiter`',
  })
}

/** A WebSocket lives for hours and is no request in flight: limited only where a route says so. */
function leaveSocketsAlone(route: RouteOptions & { websocket?: boolean }): void {
  if (route.websocket !== true || route.config?.[configKey] !== undefined) return
  route.config = { ...route.config, [configKey]: false }
}

function dependenciesOf(route: RouteOptions): readonly string[] {
  const config = route.config?.[configKey]
  return config === undefined || config === false ? [] : (config.dependsOn ?? [])
}

/**
 * Admits no more requests than the service can work on, lets a few wait by importance, and refuses
 * the rest at once with 503 and `Retry-After`.
 *
 * @throws SPW_ERR_OPTION at registration, for a wrong option or route configuration
 */
export const concurrencyLimit: FastifyPluginAsync<ConcurrencyLimitOptions> = fp(plugin, {
  name: '@spillway/concurrency-limit',
  fastify: '5.x || 6.x',
})
export default concurrencyLimit
