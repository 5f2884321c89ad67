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
import type { CreateShop, Protect } from './protection.ts'
import { answerErrors, shopOf } from './protection.ts'

/**
 * Bulkhead, breaker, timeout, composed with `wrap` as in its README. The bulkhead is told the
 * concurrency of the database and stands outside, so that its own refusals do not open the breaker.
 */
export const protect: Protect = (app, facts) => {
  answerErrors(app, statusOf)
  return (pool) => {
    const policy = wrap(
      bulkhead(facts.slots, 2 * facts.slots),
      circuitBreaker(
        handleWhen((error) => isTaskCancelledError(error)),
        { halfOpenAfter: 2 * facts.deadlineMs, breaker: new ConsecutiveBreaker(5) },
      ),
      timeout(facts.deadlineMs, TimeoutStrategy.Aggressive),
    )
    return async (sql, values) => policy.execute(async () => pool.query(sql, values))
  }
}

export const createShop: CreateShop = shopOf(protect)

function statusOf(error: Error): 503 | 504 | undefined {
  if (isTaskCancelledError(error)) return 504
  return isBulkheadRejectedError(error) || isBrokenCircuitError(error) ? 503 : undefined
}
