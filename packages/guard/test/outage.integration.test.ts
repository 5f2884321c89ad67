import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import type { FaultProxy } from '@spillway/test-support/fault-proxy'
import { startFaultProxy } from '@spillway/test-support/fault-proxy'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Guard } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { abortablePool } from '../src/pg/index.ts'

let server: PostgresServer
let proxy: FaultProxy

beforeAll(async () => {
  server = await startPostgres()
  proxy = await startFaultProxy(server)
}, 60_000)

afterAll(async () => {
  await proxy.close()
  await server.stop()
})

interface Asking {
  readonly state: { isOver: boolean; answered: number }
  /** Settles when it has been told to stop and all calls have ended. */
  readonly asking: Promise<void>
}

/** Asks a hundred times a second, each with 400 ms of patience, until it is told to stop. */
function ask(guard: Guard, query: (signal: AbortSignal) => Promise<unknown>): Asking {
  const state = { isOver: false, answered: 0 }
  const calls: Promise<void>[] = []
  const asking = (async () => {
    while (!state.isOver) {
      calls.push(
        guard.run(query, { deadlineMs: 400 }).then(
          () => {
            state.answered += 1
          },
          () => {},
        ),
      )
      await sleep(10)
    }
    await Promise.all(calls)
  })()
  return { state, asking }
}

/** Generous: what it takes is measured elsewhere, here it only has to happen. */
async function until(isTrue: () => boolean): Promise<void> {
  const givenUpAt = performance.now() + 10_000
  while (!isTrue()) {
    if (performance.now() > givenUpAt) throw new Error('It has not happened within ten seconds')
    await sleep(5)
  }
}

test.each([
  ['refuses connections', () => proxy.refuse(), () => proxy.accept()],
  ['is silent', async () => proxy.stall(), async () => proxy.heal()],
])('a database that %s is cut off and found again', async (_name, breakDown, repair) => {
  const { host, user, database } = server
  const pool = new pg.Pool({ host, user, database, port: proxy.port, max: 20 })
  pool.on('error', () => undefined)
  const calls = abortablePool(pool)
  const guard = createGuard({ name: 'db', limit: fixedLimit(20) })
  const changes: string[] = []
  guard.breaker!.onStateChange(({ to }) => changes.push(to))
  const { state, asking } = ask(guard, (signal) => calls.query(signal, 'select 1'))
  try {
    await until(() => state.answered > 20)
    expect(changes).toEqual([])

    const brokenAt = performance.now()
    await breakDown()
    await until(() => guard.breaker!.state === 'open')
    const cutOffMs = performance.now() - brokenAt
    await sleep(1000)

    const repairedAt = performance.now()
    await repair()
    const before = state.answered
    await until(() => guard.breaker!.state === 'closed' && state.answered > before + 20)
    const foundMs = performance.now() - repairedAt
    console.info(`cut off after ${cutOffMs.toFixed(0)} ms, found after ${foundMs.toFixed(0)} ms`)
  } finally {
    state.isOver = true
    await asking
    await pool.end()
  }
  await until(() => guard.stats().running === 0)
  expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0, abandoned: 0 })
})
