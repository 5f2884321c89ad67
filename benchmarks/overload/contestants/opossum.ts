import CircuitBreaker from 'opossum'
import type { CreateShop, Protect } from './protection.ts'
import { answerErrors, shopOf } from './protection.ts'

/** Its README's three options; the clients' deadline as timeout, and a short time to try again. */
export const protect: Protect = (app, facts) => {
  answerErrors(app, (error) => statuses[codeOf(error) ?? ''])
  return (pool) => {
    const breaker = new CircuitBreaker(
      async (sql: string, values: unknown[]) => pool.query(sql, values),
      {
        timeout: facts.deadlineMs,
        errorThresholdPercentage: 50,
        resetTimeout: 2 * facts.deadlineMs,
      },
    )
    return (sql, values) => breaker.fire(sql, values)
  }
}

export const createShop: CreateShop = shopOf(protect)

const statuses: Readonly<Record<string, 503 | 504>> = { EOPENBREAKER: 503, ETIMEDOUT: 504 }

function codeOf(error: Error): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
