import type { ShopFacts } from '@spillway/example-slow-database/shop/process.ts'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import CircuitBreaker from 'opossum'
import type { Pool } from 'pg'
import { addShopRoutes, answerErrors } from './shop-routes.ts'

/** Its README's three options; the clients' deadline as timeout, and a short time to try again. */
export async function createShop(pool: Pool, facts: ShopFacts): Promise<FastifyInstance> {
  const app = fastify()
  const breaker = new CircuitBreaker(
    async (sql: string, values: unknown[]) => pool.query(sql, values),
    {
      timeout: facts.deadlineMs,
      errorThresholdPercentage: 50,
      resetTimeout: 2 * facts.deadlineMs,
    },
  )
  answerErrors(app, (error) => statuses[codeOf(error) ?? ''])
  addShopRoutes(app, (sql, values) => breaker.fire(sql, values))
  return app
}

const statuses: Readonly<Record<string, 503 | 504>> = { EOPENBREAKER: 503, ETIMEDOUT: 504 }

function codeOf(error: Error): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
