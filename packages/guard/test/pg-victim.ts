// Asks PostgreSQL for something long and says so; whoever started it kills it then.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createGuard } from '../src/index.ts'
import { abortablePool } from '../src/pg/index.ts'

const { config, statementTimeout, deadlineMs, inTransaction } = JSON.parse(process.argv[2]!) as {
  config: pg.PoolConfig
  statementTimeout: boolean
  deadlineMs: number
  inTransaction: boolean
}
const guard = createGuard({ name: 'db' })
const calls = abortablePool(new pg.Pool(config), { statementTimeout })

await guard.run(
  (signal) =>
    inTransaction
      ? calls.transaction(signal, (query) => query('select pg_sleep(60)'))
      : calls.query(signal, 'select pg_sleep($1)', [60]),
  { deadlineMs },
)
await sleep(0)
