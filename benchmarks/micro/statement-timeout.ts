// What it costs to tell PostgreSQL the deadline of each query: a lookup by primary key, the shortest
// query there is, on a loopback connection, where a round trip is cheaper than anywhere else.
//   node --conditions=@spillway/source benchmarks/micro/statement-timeout.ts [rounds] [queries]
import { createGuard } from '@spillway/guard'
import { abortablePool } from '@spillway/guard/pg'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'
import { createItems, itemQuery } from '../lib/items.ts'
import { median } from '../lib/median.ts'

const [rounds = 9, queries = 1500] = process.argv.slice(2).map(Number)

await using server = await startPostgres()
const { host, port, user, database } = server
const pool = new pg.Pool({ host, port, user, database, max: 1 })
await createItems(pool)

const guard = createGuard({ name: 'db' })
const plain = abortablePool(pool)
const bounded = abortablePool(pool, { statementTimeout: true })

const variants: Readonly<Record<string, () => Promise<unknown>>> = {
  'no statement_timeout': () => guard.run((signal) => plain.query(signal, itemQuery, [7])),
  'statementTimeout: true': () => guard.run((signal) => bounded.query(signal, itemQuery, [7])),
  'SET in a round trip of its own': () =>
    guard.run(async (signal, { deadlineMs }) => {
      await plain.query(signal, `set statement_timeout = ${Math.ceil(deadlineMs)}`)
      return plain.query(signal, itemQuery, [7])
    }),
}

async function microsPerQuery(ask: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  for (let index = 0; index < queries; index += 1) await ask()
  return (1000 * (performance.now() - startedAt)) / queries
}

const names = Object.keys(variants)
const micros = new Map(names.map((name) => [name, [] as number[]]))
for (let round = -1; round < rounds; round += 1) {
  for (let index = 0; index < names.length; index += 1) {
    const name = names[(index + round + 1) % names.length]!
    const took = await microsPerQuery(variants[name]!)
    if (round >= 0) micros.get(name)!.push(took)
  }
}
for (const [name, values] of micros) {
  const spread = `${Math.min(...values).toFixed(0)}..${Math.max(...values).toFixed(0)}`
  console.log(`${name.padEnd(32)} ${median(values)!.toFixed(0)} µs (${spread})`)
}
await pool.end()
