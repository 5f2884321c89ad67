import { fixedLimit } from '@spillway/core'
import { guard } from '@spillway/guard'
import { abortablePool } from '@spillway/guard/pg'
import type { CreateShop, Protect } from './protection.ts'
import { shopOf } from './protection.ts'

/** The ceiling: our queue, and a limit that was told what nobody can know. */
export const protect: Protect = async (app, facts) => {
  await app.register(guard)
  return (pool, name) => {
    const db = app.guards.define(name, { limit: fixedLimit(facts.slots) })
    const database = abortablePool(pool)
    return async (sql, values, priority) =>
      db.run((signal) => database.query(signal, sql, values), {
        priority,
        deadlineMs: facts.deadlineMs,
      })
  }
}

export const createShop: CreateShop = shopOf(protect)
