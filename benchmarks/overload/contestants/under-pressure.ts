import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Pool } from 'pg'
import { addShopRoutes } from './shop-routes.ts'

/** Its README's options, tighter; the interval mode that 9.2 added, which reacts. */
export async function createShop(pool: Pool): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(underPressure, {
    maxEventLoopDelay: 250,
    maxHeapUsedBytes: 300_000_000,
    maxRssBytes: 600_000_000,
    maxEventLoopUtilization: 0.95,
    sampleInterval: 250,
    retryAfter: 1,
    eventLoopUtilizationMode: 'interval',
  })
  addShopRoutes(app, (sql, values) => pool.query(sql, values))
  return app
}
