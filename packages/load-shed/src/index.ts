import type { LoadShedder, LoadShedderStats } from '@spillway/core'
import { createLoadShedder, SpillwayError } from '@spillway/core'
import type { Component } from '@spillway/plugin-kit'
import {
  addComponent,
  createRejection,
  decorateRequests,
  routeSettings,
} from '@spillway/plugin-kit'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { gatekeeper } from './gatekeeper.ts'
import { addHealthRoutes } from './health.ts'
import { addLoadReport } from './load-report.ts'
import type { LoadShedOptions, LoadShedRouteOptions } from './options.ts'
import { parseOptions } from './options.ts'
import { routeSettingsOf } from './route.ts'
import { ShedLog } from './shed-log.ts'

export type { LoadShedOptions, LoadShedRouteOptions } from './options.ts'
export type { HealthOptions, ReadyCheck } from './health-options.ts'
export { loadReport, loadReportHeader } from './load-report.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** How hard-pressed the process is, and whom it refuses. */
    loadShedder: LoadShedder
  }
  interface FastifyContextConfig {
    /** How the route's requests are shed; false: never, uncounted. */
    loadShed?: LoadShedRouteOptions | false
  }
}

const plugin: FastifyPluginAsync<LoadShedOptions> = async (fastify, options) => {
  checkOrder(fastify)
  const parsed = parseOptions(options)
  const { statusCode, health, loadHeader, clock, priority, callerHeaders } = parsed
  const rejection = createRejection({ statusCode })
  const shedder = createLoadShedder(parsed.shedder)
  const log = new ShedLog(shedder, fastify.log.child({ plugin: 'load-shed' }), clock)

  fastify.decorate('loadShedder', shedder)
  fastify.addHook('onClose', async () => {
    shedder.close()
    log.close()
  })
  const settingsOf = routeSettings(fastify, 'loadShed', routeSettingsOf)
  decorateRequests(
    fastify,
    { callerHeaders, clock: options.clock },
    gatekeeper({ shedder, rejection, log, priority, settingsOf }),
    { isInForce: () => shedder.mode === 'enforce' },
  )
  if (loadHeader) addLoadReport(fastify, shedder, () => clock.now())
  if (health !== undefined) addHealthRoutes(fastify, health, clock)
  addComponent(fastify, componentOf(shedder))
}

/** Who is refused here must not have taken a place at the door. */
function checkOrder(fastify: FastifyInstance): void {
  if (fastify.hasDecorator('loadShedder')) {
    throw new SpillwayError('SPW_ERR_OPTION', {
      message: 'loadShed is registered for this scope already: there is one process to protect',
    })
  }
  if (!fastify.hasDecorator('limiters')) return
  throw new SpillwayError('SPW_ERR_OPTION', {
    message:
      'Register loadShed before concurrencyLimit: a request that the process has no time for must not take a permit first',
  })
}

function componentOf(shedder: LoadShedder): Component {
  return { kind: 'loadShedders', stats: (): readonly LoadShedderStats[] => [shedder.stats()] }
}

/**
 * Refuses a part of the requests with 503 and `Retry-After` while the process itself is overloaded, the
 * least important first, before anything of their bodies has been read.
 *
 * @throws SPW_ERR_OPTION at registration, for a wrong option or route configuration, or when
 *   concurrencyLimit was registered before it
 */
export const loadShed: FastifyPluginAsync<LoadShedOptions> = fp(plugin, {
  name: '@spillway/load-shed',
  fastify: '5.x || 6.x',
})
export default loadShed
