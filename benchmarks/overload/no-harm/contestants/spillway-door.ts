import { concurrencyLimit } from '@spillway/concurrency-limit'
import type { Protect } from '../../contestants/protection.ts'

/** The door alone; handlers ask their databases as before. */
export const protect: Protect = async (app, { deadlineMs }) => {
  await app.register(concurrencyLimit, { defaultDeadlineMs: deadlineMs })
  return (pool) => (sql, values) => pool.query(sql, values)
}
