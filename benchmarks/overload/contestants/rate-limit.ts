import type { ShopFacts } from '@spillway/example-slow-database/shop/process.ts'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Pool } from 'pg'
import { addShopRoutes } from './shop-routes.ts'

/** One key for all clients, and exactly as many a second as the healthy database can do. */
export async function createShop(pool: Pool, facts: ShopFacts): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(rateLimit, {
    max: Math.round(facts.capacityPerSecond),
    timeWindow: 1000,
    keyGenerator: () => 'everybody',
  })
  addShopRoutes(app, (sql, values) => pool.query(sql, values))
  return app
}
