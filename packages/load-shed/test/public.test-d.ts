import { cpuUsed, heapUsed } from '@spillway/core'
import type { LoadShedder, Mode, Priority } from '@spillway/core'
import Fastify from 'fastify'
import type { FastifyContextConfig } from 'fastify'
import { expectTypeOf, test } from 'vitest'
import defaultExport, { loadShed } from '../src/index.ts'
import type { LoadShedOptions, LoadShedRouteOptions } from '../src/index.ts'

const app = Fastify()

test('options', async () => {
  expectTypeOf(defaultExport).toEqualTypeOf(loadShed)
  await app.register(loadShed)
  await app.register(loadShed, {
    signals: [heapUsed({ from: 0.5 }), cpuUsed(), () => 0.5],
    mode: 'observe',
    priority: (request) => (request.headers['x-batch'] === undefined ? undefined : 'low'),
    health: { ready: async () => true, livez: false },
    loadHeader: true,
  })
  expectTypeOf<LoadShedOptions['mode']>().toEqualTypeOf<Mode | undefined>()
  // @ts-expect-error -- a signal is made, not named
  await app.register(loadShed, { signals: ['heapUsed'] })
  // @ts-expect-error -- thresholds are those of the signal
  heapUsed({ max: 1 })
})

test('decorators and route configuration', () => {
  expectTypeOf(app.loadShedder).toEqualTypeOf<LoadShedder>()
  expectTypeOf(app.loadShedder.mode).toEqualTypeOf<Mode>()
  expectTypeOf<FastifyContextConfig['loadShed']>().toEqualTypeOf<
    LoadShedRouteOptions | false | undefined
  >()
  expectTypeOf<LoadShedRouteOptions['priority']>().toEqualTypeOf<Priority | undefined>()
  app.get('/', { config: { loadShed: { priority: 'critical' } } }, () => 'ok')
  app.get('/healthz', { config: { loadShed: false } }, () => 'ok')
})
