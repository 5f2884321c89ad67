import type { ShopFacts } from '@spillway/example-slow-database/shop/process.ts'
import {
  bulkhead,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  timeout,
  TimeoutStrategy,
  wrap,
} from 'cockatiel'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Pool } from 'pg'
import { addShopRoutes, answerErrors } from './shop-routes.ts'

/**
 * Bulkhead, breaker, timeout, composed with `wrap` as in its README. The bulkhead is told the
 * concurrency of the database and stands outside, so that its own refusals do not open the breaker.
 */
export async function createShop(pool: Pool, facts: ShopFacts): Promise<FastifyInstance> {
  const app = fastify()
  const policy = wrap(
    bulkhead(facts.slots, 2 * facts.slots),
    circuitBreaker(
      handleWhen((error) => isTaskCancelledError(error)),
      { halfOpenAfter: 2 * facts.deadlineMs, breaker: new ConsecutiveBreaker(5) },
    ),
    timeout(facts.deadlineMs, TimeoutStrategy.Aggressive),
  )
  answerErrors(app, statusOf)
  addShopRoutes(app, async (sql, values) => policy.execute(async () => pool.query(sql, values)))
  return app
}

function statusOf(error: Error): 503 | 504 | undefined {
  if (isTaskCancelledError(error)) return 504
  return isBulkheadRejectedError(error) || isBrokenCircuitError(error) ? 503 : undefined
}
