import rateLimit from '@fastify/rate-limit'
import type { CreateShop, Protect } from './protection.ts'
import { shopOf } from './protection.ts'

/** One key for all clients, and exactly as many a second as the healthy database can do. */
export const protect: Protect = async (app, facts) => {
  await app.register(rateLimit, {
    max: Math.round(facts.capacityPerSecond),
    timeWindow: 1000,
    keyGenerator: () => 'everybody',
  })
  return (pool) => (sql, values) => pool.query(sql, values)
}

export const createShop: CreateShop = shopOf(protect)
