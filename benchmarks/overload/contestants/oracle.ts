import { fixedLimit } from '@spillway/core'
import type { ShopFacts } from '@spillway/example-slow-database/shop/process.ts'
import { guard } from '@spillway/guard'
import { abortablePool } from '@spillway/guard/pg'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Pool } from 'pg'
import { addShopRoutes } from './shop-routes.ts'

/** The ceiling: our queue, and a limit that was told what nobody can know. */
export async function createShop(pool: Pool, facts: ShopFacts): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(guard)
  const db = app.guards.define('shop-db', { limit: fixedLimit(facts.slots) })
  const shop = abortablePool(pool)
  addShopRoutes(app, async (sql, values, priority) =>
    db.run((signal) => shop.query(signal, sql, values), { priority, deadlineMs: facts.deadlineMs }),
  )
  return app
}
