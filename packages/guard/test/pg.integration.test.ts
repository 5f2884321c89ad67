import { getEventListeners } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import type { FaultProxy } from '@spillway/test-support/fault-proxy'
import { startFaultProxy } from '@spillway/test-support/fault-proxy'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import Fastify from 'fastify'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import guardPlugin, { createGuard } from '../src/index.ts'
import type { AbortablePool } from '../src/pg/index.ts'
import { abortablePool } from '../src/pg/index.ts'

/** A name for each test: a backend whose client vanished works on into the next one. */
let application = ''
let testNumber = 0
let server: PostgresServer
let observer: pg.Client
let proxy: FaultProxy
let pool: pg.Pool
let calls: AbortablePool

beforeAll(async () => {
  server = await startPostgres({ settings: { unix_socket_directories: tmpdir() } })
  observer = new pg.Client({ ...connection(), application_name: 'observer' })
  await observer.connect()
  await observer.query('create table orders (id int primary key, note text)')
}, 60_000)

afterAll(async () => {
  await observer.end()
  await server.stop()
})

beforeEach(async () => {
  application = `guard-test-${(testNumber += 1)}`
  proxy = await startFaultProxy(server)
  pool = makePool({ max: 4 })
  calls = abortablePool(pool)
})

afterEach(async () => {
  proxy.heal()
  await pool.end()
  await proxy.close()
})

function connection(): pg.ClientConfig {
  const { host, user, database, port } = server
  return { host, user, database, port }
}

function makePool(options: pg.PoolConfig): pg.Pool {
  const made = new pg.Pool({
    ...connection(),
    port: proxy.port,
    application_name: application,
    ...options,
  })
  // An idle connection that breaks is reported here; without a listener it ends the process.
  made.on('error', () => undefined)
  return made
}

/**
 * What the server does for us right now, as the server sees it. It sends the error of a cancelled
 * query a moment before it counts itself idle, so wait for 0; nobody's query ends by itself. A
 * connection that is still being made is busy as well, but with no query of ours.
 */
async function busyBackends(): Promise<number> {
  const { rows } = await observer.query<{ count: number }>(
    `select count(*)::int from pg_stat_activity
     where application_name = $1 and state not in ('starting', 'idle', 'idle in transaction')`,
    [application],
  )
  return rows[0]!.count
}

async function until(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const giveUpAt = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > giveUpAt)
      throw new Error(`Not so within ${ms} ms: ${String(condition)}`)
    await sleep(10)
  }
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  )

const backendOf = async (signal: AbortSignal): Promise<number> => {
  const { rows } = await calls.query<{ pid: number }>(signal, 'select pg_backend_pid() pid')
  return rows[0]!.pid
}

const never = new AbortController().signal

describe('abortablePool.query', () => {
  test('answers like the pool', async () => {
    const { rows, rowCount } = await calls.query<{ sum: number }>(
      never,
      'select $1::int + 1 sum',
      [41],
    )
    expect(rows).toEqual([{ sum: 42 }])
    expect(rowCount).toBe(1)
    const named = await calls.query(never, { name: 'one', text: 'select 1 one' })
    expect(named.rows).toEqual([{ one: 1 }])
    expect(getEventListeners(never, 'abort')).toHaveLength(0)
  })

  test('an abort ends the query on the server, and the connection serves the next', async () => {
    const pid = await backendOf(never)
    const controller = new AbortController()
    const reason = new Error('enough')
    const answer = calls.query(controller.signal, 'select pg_sleep(60)')
    await until(async () => (await busyBackends()) === 1)
    controller.abort(reason)
    await expect(answer).rejects.toBe(reason)
    await until(async () => (await busyBackends()) === 0)
    expect(await backendOf(never)).toBe(pid)
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1, waitingCount: 0 })
    expect(calls.stats()).toEqual({ aborted: 1, destroyed: 0, waiting: 0 })
  })

  test('an abort in the moment of sending is repeated until the query has been hit', async () => {
    await backendOf(never)
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController()
      const answer = outcome(calls.query(controller.signal, 'select pg_sleep(60)'))
      if (round % 2 === 0) await new Promise(setImmediate)
      controller.abort('now')
      expect(await answer).toBe('now')
    }
    await until(async () => (await busyBackends()) === 0)
    expect(calls.stats().destroyed).toBe(0)
    expect(pool.totalCount).toBe(1)
  })

  test('the error of a statement is the caller’s, and costs no connection', async () => {
    const pid = await backendOf(never)
    await calls.query(never, 'insert into orders values (1, $1)', ['first'])
    const twice = calls.query(never, 'insert into orders values (1, $1)', ['second'])
    expect(await outcome(twice)).toBe('23505')
    expect(await backendOf(never)).toBe(pid)
  })

  test('a signal that has aborted before asks the server nothing', async () => {
    expect(await outcome(calls.query(AbortSignal.abort('early'), 'select 1'))).toBe('early')
    expect(pool.totalCount).toBe(0)
  })

  test('a broken connection rejects its query and is replaced', async () => {
    const answer = outcome(calls.query(never, 'select pg_sleep(60)'))
    await until(async () => (await busyBackends()) === 1)
    proxy.reset()
    expect(await answer).toBe('ECONNRESET')
    expect((await calls.query(never, 'select 1 one')).rows).toEqual([{ one: 1 }])
    expect(pool.totalCount).toBe(1)
  })

  test('a client-side query timeout leaves no busy connection in the pool', async () => {
    const hasty = makePool({ max: 1, query_timeout: 100 })
    const hastyCalls = abortablePool(hasty)
    await expect(hastyCalls.query(never, 'select pg_sleep(60)')).rejects.toThrow(
      'Query read timeout',
    )
    expect((await hastyCalls.query(never, 'select 7 seven')).rows).toEqual([{ seven: 7 }])
    await hasty.end()
  })

  test('works over a Unix socket', async () => {
    const local = makePool({ host: tmpdir(), port: server.port, max: 1 })
    const localCalls = abortablePool(local)
    const controller = new AbortController()
    const answer = outcome(localCalls.query(controller.signal, 'select pg_sleep(60)'))
    await until(async () => (await busyBackends()) === 1)
    controller.abort('gone')
    expect(await answer).toBe('gone')
    await until(async () => (await busyBackends()) === 0)
    expect(local.totalCount).toBe(1)
    await local.end()
  })

  test('closes a connection that has no key to cancel with', async () => {
    pool.on('connect', (client) => Object.assign(client, { secretKey: null }))
    const controller = new AbortController()
    const answer = outcome(calls.query(controller.signal, 'select pg_sleep(60)'))
    await until(async () => (await busyBackends()) === 1)
    controller.abort('gone')
    expect(await answer).toBe('gone')
    expect(calls.stats()).toEqual({ aborted: 1, destroyed: 1, waiting: 0 })
    expect(pool.totalCount).toBe(0)
  })

  test('closes a connection when the server takes no cancel', async () => {
    const controller = new AbortController()
    const answer = outcome(calls.query(controller.signal, 'select pg_sleep(60)'))
    await until(async () => (await busyBackends()) === 1)
    // The query's own connection stays open; new ones are refused. Nobody listens on this port, and
    // nobody is given it: one that was free a moment ago may be another test's by now.
    const [client] = (pool as unknown as { readonly _clients: pg.Client[] })._clients
    client!.port = 1
    controller.abort('gone')
    expect(await answer).toBe('gone')
    expect(calls.stats().destroyed).toBe(1)
    expect(pool.totalCount).toBe(0)
  })
})

describe('waiting for a connection', () => {
  test('ends with the signal, and no connection is lost', async () => {
    const holders = await Promise.all([1, 2, 3, 4].map(() => pool.connect()))
    const controllers = Array.from({ length: 20 }, () => new AbortController())
    const answers = controllers.map(({ signal }) => outcome(calls.query(signal, 'select 1')))
    expect(calls.stats().waiting).toBe(20)
    for (const controller of controllers) controller.abort('gone')
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['gone']))
    expect(calls.stats().waiting).toBe(0)

    // The requests that are left at the pool serve the next callers: none is added.
    const next = [1, 2, 3].map((n) => calls.query(never, 'select $1::int n', [n]))
    expect(pool.waitingCount).toBe(20)
    for (const holder of holders) holder.release()
    expect((await Promise.all(next)).map(({ rows }) => rows[0]!['n'])).toEqual([1, 2, 3])
    await until(() => pool.idleCount === 4)
    expect(pool).toMatchObject({ totalCount: 4, waitingCount: 0 })
  })

  test('is bounded without a signal, and counts as overload', async () => {
    const brief = abortablePool(pool, { maxWaitMs: 50 })
    const holders = await Promise.all([1, 2, 3, 4].map(() => pool.connect()))
    const guard = createGuard({ name: 'db', limit: fixedLimit(5) })
    const answer = guard.run((signal) => brief.query(signal, 'select 1'))
    await expect(answer).rejects.toMatchObject({
      code: 'SPW_ERR_QUEUE_TIMEOUT',
      reason: 'pool_exhausted',
    })
    expect(guard.stats().released.dropped).toBe(1)
    for (const holder of holders) holder.release()
    await until(() => pool.idleCount === 4)
  })

  test('fails with the pool’s error when the server cannot be reached', async () => {
    await proxy.refuse()
    const guard = createGuard({ name: 'db' })
    const answer = guard.run((signal) => calls.query(signal, 'select 1'))
    expect(await outcome(answer)).toBe('ECONNREFUSED')
    expect(guard.stats().released.ignored).toBe(1)
    await proxy.accept()
  })
})

describe('abortablePool.transaction', () => {
  test('commits, and rolls back when its work throws', async () => {
    await calls.transaction(never, (query) => query('insert into orders values (10)'))
    const failed = calls.transaction(never, async (query) => {
      await query('insert into orders values (11)')
      throw new Error('changed my mind')
    })
    await expect(failed).rejects.toThrow('changed my mind')
    expect(await ids(10, 11)).toEqual([10])
  })

  test('an abort cancels the statement, rolls back, and keeps the connection', async () => {
    const pid = await backendOf(never)
    const controller = new AbortController()
    const answer = outcome(
      calls.transaction(controller.signal, async (query) => {
        await query('insert into orders values (20)')
        await query('select pg_sleep(60)')
      }),
    )
    await until(async () => (await busyBackends()) === 1)
    controller.abort('gone')
    expect(await answer).toBe('gone')
    expect(await ids(20, 20)).toEqual([])
    expect(await backendOf(never)).toBe(pid)
  })

  test('an abort between two statements rolls back', async () => {
    const controller = new AbortController()
    const answer = outcome(
      calls.transaction(controller.signal, async (query) => {
        await query('insert into orders values (30)')
        controller.abort('gone')
        await query('insert into orders values (31)')
      }),
    )
    expect(await answer).toBe('gone')
    expect(await ids(30, 31)).toEqual([])
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
  })

  test('closes the connection when it cannot roll back', async () => {
    const answer = calls.transaction(never, async (query) => {
      await query('insert into orders values (35)')
      proxy.stall()
      throw new Error('changed my mind')
    })
    await expect(answer).rejects.toThrow('changed my mind')
    expect(calls.stats().destroyed).toBe(1)
    expect(pool.totalCount).toBe(0)
    expect(await ids(35, 35)).toEqual([])
  })

  test('does not pretend to commit what a failed statement has undone', async () => {
    const answer = calls.transaction(never, async (query) => {
      await query('insert into orders values (40)')
      await query('select 1/0').catch(() => undefined)
    })
    await expect(answer).rejects.toThrow('rolled back')
    expect(await ids(40, 40)).toEqual([])
  })

  test('waits for a statement that its work did not await', async () => {
    await calls.transaction(never, async (query) => {
      void query('insert into orders values (50)')
    })
    expect(await ids(50, 50)).toEqual([50])
  })

  async function ids(from: number, to: number): Promise<number[]> {
    const { rows } = await observer.query<{ id: number }>(
      'select id from orders where id between $1 and $2',
      [from, to],
    )
    return rows.map(({ id }) => id)
  }
})

describe('under a guard', () => {
  test.each([
    ['on a fast network', 0],
    ['on a slow one, where cancels come late', 4],
  ])(
    'a thousand calls, half of them aborted, %s: every answer is to its own question',
    async (_, delayMs) => {
      if (delayMs > 0) proxy.delay(delayMs)
      const guard = createGuard({
        name: 'db',
        limit: fixedLimit(4),
        queue: { maxSize: 1000, maxWaitMs: 20_000 },
      })
      const wrong: unknown[] = []
      let answered = 0
      const ask = async (question: number): Promise<void> => {
        const controller = new AbortController()
        const pauseMs = Math.random() * 6
        const text = 'select $1::int n, pg_sleep($2)'
        const work = async (signal: AbortSignal): Promise<{ rows: { n: number }[] }> => {
          // Every other call is aborted, at some time from before its query is sent to after its end.
          const abortAfterMs = Math.random() * (pauseMs + 4 * delayMs + 4)
          if (question % 2 === 0) setTimeout(() => controller.abort('gone'), abortAfterMs)
          return calls.query<{ n: number }>(signal, text, [question, pauseMs / 1000])
        }
        try {
          const options = { signal: controller.signal, deadlineMs: 30_000 }
          const { rows } = await guard.run(work, options)
          answered += 1
          if (rows[0]!.n !== question) wrong.push(rows)
        } catch (error) {
          const mine =
            question % 2 === 0 && (error as { code?: string }).code === 'SPW_ERR_CANCELLED'
          if (!mine) wrong.push(error)
        }
      }
      for (let batch = 0; batch < 100; batch += 1) {
        await Promise.all(Array.from({ length: 10 }, (_item, index) => ask(batch * 10 + index)))
      }
      expect(wrong).toEqual([])
      expect(answered).toBeGreaterThanOrEqual(500)
      expect(calls.stats().aborted).toBeGreaterThan(50)
      await until(() => guard.stats().running === 0)
      await until(async () => (await busyBackends()) === 0)

      // Had a late cancel been on its way, it would hit one of these.
      for (let n = 0; n < 200; n += 1) {
        const { rows } = await calls.query(never, 'select $1::int n', [n])
        expect(rows).toEqual([{ n }])
      }
      expect(guard.stats()).toMatchObject({ inFlight: 0, abandoned: 0, queued: 0 })
      expect(pool.totalCount).toBeLessThanOrEqual(4)
      expect(pool).toMatchObject({ idleCount: pool.totalCount, waitingCount: 0 })
      expect(calls.stats().destroyed).toBe(0)
    },
    60_000,
  )

  test('a client that hangs up stops its query in the database', async () => {
    const app = Fastify()
    await app.register(guardPlugin)
    const db = app.guards.define('db', { limit: fixedLimit(4) })
    app.get('/report', async (_, reply) => {
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort(new Error('hung up')))
      return db.run((signal) => calls.query(signal, 'select pg_sleep(60)'), { signal: gone.signal })
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const clients = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'))
    for (const client of clients) client.write('GET /report HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(async () => (await busyBackends()) === 4)
    for (const client of clients) client.destroy()
    await until(async () => (await busyBackends()) === 0)
    await until(() => db.stats().running === 0)
    expect(db.stats()).toMatchObject({ inFlight: 0, abandoned: 0, released: { ignored: 4 } })
    expect(pool).toMatchObject({ totalCount: 4, idleCount: 4 })
    await app.close()
  })

  test('a stopped backend: callers leave on time, the permit stays, then the connection goes', async () => {
    const guard = createGuard({ name: 'db', limit: fixedLimit(2), timeoutMs: 200 })
    const patient = abortablePool(pool, { cancelTimeoutMs: 600 })
    const pid = await backendOf(never)
    process.kill(pid, 'SIGSTOP')
    try {
      const start = performance.now()
      const answer = await outcome(guard.run((signal) => patient.query(signal, 'select 1')))
      expect(answer).toBe('SPW_ERR_CALL_TIMEOUT')
      expect(performance.now() - start).toBeLessThan(3000)
      expect(guard.stats()).toMatchObject({ running: 1, abandoned: 1, inFlight: 1 })
      await until(() => guard.stats().running === 0)
      expect(guard.stats()).toMatchObject({ abandoned: 0, released: { dropped: 1 } })
      expect(patient.stats().destroyed).toBe(1)
      expect(pool.totalCount).toBe(0)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    const again = (): Promise<unknown> => guard.run((signal) => patient.query(signal, 'select 2'))
    await until(async () => (await outcome(again())) === 'fulfilled')
  })

  test('a black hole: callers leave on time, in flight falls, and it recovers', async () => {
    const guard = createGuard({
      name: 'db',
      limit: fixedLimit(4),
      timeoutMs: 150,
      queue: { maxWaitMs: 100 },
    })
    const patient = abortablePool(pool, { cancelTimeoutMs: 300 })
    const call = (): Promise<unknown> =>
      outcome(guard.run((signal) => patient.query(signal, 'select 1')))
    await Promise.all([1, 2, 3, 4].map(() => calls.query(never, 'select 1')))

    proxy.stall()
    const start = performance.now()
    const answers = await Promise.all(Array.from({ length: 12 }, call))
    expect(performance.now() - start).toBeLessThan(5000)
    expect(new Set(answers)).toEqual(new Set(['SPW_ERR_CALL_TIMEOUT', 'SPW_ERR_QUEUE_TIMEOUT']))
    await until(() => guard.stats().inFlight === 0)

    // Waits for a connection are left behind too, and do not pile up at the pool.
    for (let round = 0; round < 5; round += 1) await Promise.all([call(), call(), call(), call()])
    expect(pool.totalCount + pool.waitingCount).toBeLessThanOrEqual(8)

    proxy.heal()
    await until(async () => (await call()) === 'fulfilled')
    await until(() => guard.stats().running === 0)
    expect(guard.stats()).toMatchObject({ inFlight: 0, abandoned: 0 })
    await until(() => pool.idleCount === pool.totalCount && pool.waitingCount === 0)
    await until(async () => (await busyBackends()) === 0)
  })
})
