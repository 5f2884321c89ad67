// Asks PostgreSQL this and that while somebody ends its connections. As in the README: nobody listens
// to the pool's `error` event, so an error that nobody catches ends the process.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { abortablePool } from '../src/pg/index.ts'

const pool = new pg.Pool(JSON.parse(process.argv[2]!) as pg.PoolConfig)
const calls = abortablePool(pool)
let isOver = false
process.once('message', () => {
  isOver = true
})

const works: ((signal: AbortSignal) => Promise<unknown>)[] = [
  (signal) => calls.query(signal, 'select pg_sleep(0.02)'),
  (signal) => calls.query(signal, 'begin; select pg_sleep(0.02)'),
  (signal) =>
    calls.transaction(signal, async (query) => {
      await query('select 1')
      await sleep(10)
      await query('select pg_sleep(0.01)')
    }),
  (signal) => calls.transaction(signal, async () => sleep(10)),
  async () => sleep(100),
  async () => sleep(100),
]

async function ask(worker: number): Promise<void> {
  for (let round = 0; !isOver; round += 1) {
    const signal = AbortSignal.timeout(1 + ((round * 7 + worker * 13) % 40))
    await works[(round + worker) % works.length]!(signal).catch(() => undefined)
  }
}

async function untilAnswered(): Promise<unknown> {
  for (;;) {
    const { signal } = new AbortController()
    const answer = await calls.query(signal, 'select 7 as n').catch(() => undefined)
    if (answer !== undefined) return answer.rows
    await sleep(20)
  }
}

process.send!('asks')
await Promise.all(Array.from({ length: 8 }, (_item, worker) => ask(worker)))
process.send!(await untilAnswered())
await pool.end()
process.disconnect()
