import { createGuard } from '@spillway/guard'
import { abortablePool } from '@spillway/guard/pg'
import type { Contestant } from './contestant.ts'
import { sql } from './contestant.ts'

/** A guard with its defaults. */
export const spillway: Contestant = {
  name: 'spillway',
  makeClient: (pool, patienceMs) => {
    const guard = createGuard({ name: 'db' })
    const database = abortablePool(pool)
    return {
      ask: async (onSent) =>
        guard.run(
          (signal) => {
            onSent()
            return database.query(signal, sql)
          },
          { deadlineMs: patienceMs },
        ),
      close: () => {
        guard.close()
      },
    }
  },
}
