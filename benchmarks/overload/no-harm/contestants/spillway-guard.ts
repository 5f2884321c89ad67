import { guard } from '@spillway/guard'
import { abortablePool } from '@spillway/guard/pg'
import type { Protect } from '../../contestants/protection.ts'

/** Guards alone; without the door, priorities are said where the call is made. */
export const protect: Protect = async (app, { deadlineMs }) => {
  await app.register(guard, { defaultDeadlineMs: deadlineMs })
  return (pool, name) => {
    const db = app.guards.define(name)
    const database = abortablePool(pool)
    return async (sql, values, priority, request) =>
      db.run((signal) => database.query(signal, sql, values), { ...request.callOptions, priority })
  }
}
