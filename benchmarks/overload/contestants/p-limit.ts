import type { ShopFacts } from '@spillway/example-slow-database/shop/process.ts'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import pLimit from 'p-limit'
import type { Pool } from 'pg'
import { addShopRoutes, answerErrors } from './shop-routes.ts'

class BusyError extends Error {}

/**
 * Told the concurrency of the database. Its queue has no bound, and with none it collapses like no
 * limit at all, so it gets the one that does best here: two waiting for each that runs.
 */
export async function createShop(pool: Pool, facts: ShopFacts): Promise<FastifyInstance> {
  const app = fastify()
  const limit = pLimit(facts.slots)
  answerErrors(app, (error) => (error instanceof BusyError ? 503 : undefined))
  addShopRoutes(app, async (sql, values) => {
    if (limit.pendingCount >= 2 * facts.slots) throw new BusyError('Too many requests wait')
    return limit(async () => pool.query(sql, values))
  })
  return app
}
