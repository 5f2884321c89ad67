import circuitBreaker from '@fastify/circuit-breaker'
import type { ShopFacts } from '@spillway/example-slow-database/shop/process.ts'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Pool } from 'pg'
import { addShopRoutes } from './shop-routes.ts'

/** Its README's set-up, with the clients' deadline as timeout and a short time to try again. */
export async function createShop(pool: Pool, facts: ShopFacts): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(circuitBreaker, {
    threshold: 5,
    timeout: facts.deadlineMs,
    resetTimeout: 2 * facts.deadlineMs,
  })
  addShopRoutes(app, (sql, values) => pool.query(sql, values), [app.circuitBreaker()])
  return app
}
