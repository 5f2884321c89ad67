import pLimit from 'p-limit'
import type { CreateShop, Protect } from './protection.ts'
import { answerErrors, shopOf } from './protection.ts'

class BusyError extends Error {}

/**
 * Told the concurrency of the database. Its queue has no bound, and with none it collapses like no
 * limit at all, so it gets the one that does best here: two waiting for each that runs.
 */
export const protect: Protect = (app, facts) => {
  answerErrors(app, (error) => (error instanceof BusyError ? 503 : undefined))
  return (pool) => {
    const limit = pLimit(facts.slots)
    return async (sql, values) => {
      if (limit.pendingCount >= 2 * facts.slots) throw new BusyError('Too many requests wait')
      return limit(async () => pool.query(sql, values))
    }
  }
}

export const createShop: CreateShop = shopOf(protect)
