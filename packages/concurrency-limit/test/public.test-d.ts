import { adaptiveLimit, fixedLimit } from '@spillway/core'
import type { Limiter, Priority } from '@spillway/core'
import type { Guard } from '@spillway/guard'
import Fastify from 'fastify'
import type { FastifyContextConfig } from 'fastify'
import { expectTypeOf, test } from 'vitest'
import type { GuardLike } from '../src/dependencies.ts'
import defaultExport, { concurrencyLimit } from '../src/index.ts'
import type {
  ConcurrencyLimitOptions,
  ConcurrencyLimitRouteOptions,
  DoorStats,
} from '../src/index.ts'

const app = Fastify()

test('options', async () => {
  expectTypeOf(defaultExport).toEqualTypeOf(concurrencyLimit)
  await app.register(concurrencyLimit)
  await app.register(concurrencyLimit, {
    limit: adaptiveLimit(),
    queue: { maxSize: 10 },
    limiters: { reports: { limit: fixedLimit(4) } },
    priority: (request) => (request.headers['x-batch'] ? 'low' : 'default'),
    partition: (request) => request.ip,
  })
  // @ts-expect-error unknown option
  await app.register(concurrencyLimit, { limt: adaptiveLimit() })
  // @ts-expect-error not a priority
  expectTypeOf<ConcurrencyLimitOptions>({ priority: () => 'urgent' })
})

test('decorators', () => {
  expectTypeOf(app.limiters.default).toEqualTypeOf<Limiter>()
  expectTypeOf(app.limiters.get('reports')).toEqualTypeOf<Limiter | undefined>()
  expectTypeOf(app.limiters.stats()).toEqualTypeOf<readonly DoorStats[]>()
})

test('routes and requests', () => {
  const config = {
    concurrencyLimit: { limiter: 'reports', priority: 'high', maxWaitMs: 1, dependsOn: ['db'] },
  } as const
  app.get('/', { config }, async (request) => {
    expectTypeOf(request.priority).toEqualTypeOf<Priority>()
    expectTypeOf(request.cancelSignal).toEqualTypeOf<AbortSignal>()
    expectTypeOf(request.deadline?.remainingMs).toEqualTypeOf<number | undefined>()
  })
  app.get('/healthz', { config: { concurrencyLimit: false } }, async () => 'ok')
  expectTypeOf<FastifyContextConfig['concurrencyLimit']>().toEqualTypeOf<
    ConcurrencyLimitRouteOptions | false | undefined
  >()
})

test('what the door asks of a guard, the real one answers', () => {
  expectTypeOf<Guard>().toExtend<GuardLike>()
})
