import { concurrencyLimit } from '@spillway/concurrency-limit'
import { guard } from '@spillway/guard'
import { abortablePool } from '@spillway/guard/pg'
import type { Protect } from '../../contestants/protection.ts'

/** Door and guard, wired as the README says, with their defaults. */
export const protect: Protect = async (app, { deadlineMs }) => {
  await app.register(concurrencyLimit, { defaultDeadlineMs: deadlineMs })
  await app.register(guard)
  return (pool, name) => {
    const db = app.guards.define(name)
    const database = abortablePool(pool)
    return async (sql, values, _priority, request) =>
      db.run((signal) => database.query(signal, sql, values), request.callOptions)
  }
}
