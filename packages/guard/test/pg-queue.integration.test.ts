import { once, setMaxListeners } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from './code-of.ts'
import type { AbortablePool, PgPool, PgQuery, PgResult } from '../src/pg/index.ts'
import { abortablePool } from '../src/pg/index.ts'

let server: PostgresServer
const pools: pg.Pool[] = []
const balancers: Balancer[] = []
const never = new AbortController().signal

beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

afterAll(async () => {
  await server.stop()
})

afterEach(async () => {
  // First, for a pool waits for the connections that it is opening.
  for (const balancer of balancers.splice(0)) balancer.close()
  await Promise.all(pools.splice(0).map((pool) => pool.end()))
})

function connection(): pg.ClientConfig {
  const { host, user, database, port } = server
  return { host, user, database, port }
}

function poolOf(options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ ...connection(), ...options })
  pools.push(pool)
  return pool
}

const one = (calls: AbortablePool): Promise<unknown> =>
  calls.query(never, 'select 1 as one').then(({ rows }) => rows[0])

/** pg makes a client for a connection; what it reads then (a certificate, say) may be missing. */
function brittle(): { Client: typeof pg.Client; isBroken: boolean } {
  const state = {
    isBroken: false,
    Client: class extends pg.Client {
      constructor(config?: pg.ClientConfig) {
        if (state.isBroken) throw Object.assign(new Error('No certificate'), { code: 'ENOENT' })
        super(config)
      }
    } as typeof pg.Client,
  }
  return state
}

describe('a pool that throws instead of connecting', () => {
  test.each([1, 5])('harms those that asked then, %i of them, and nobody later', async (count) => {
    const state = brittle()
    const pool = poolOf({ max: 2, Client: state.Client })
    const calls = abortablePool(pool)
    state.isBroken = true
    const codes = await Promise.all(Array.from({ length: count }, () => codeOf(one(calls))))
    expect(new Set(codes)).toEqual(new Set(['ENOENT']))
    state.isBroken = false
    for (let round = 0; round < 3; round += 1) expect(await one(calls)).toEqual({ one: 1 })
    expect(calls.stats()).toMatchObject({ waiting: 0 })
  })

  test('while it replaces a connection that was lost has not lost those that wait', async () => {
    const state = brittle()
    const pool = poolOf({ max: 1, Client: state.Client })
    const calls = abortablePool(pool, { maxWaitMs: 5_000 })
    const waiting: Promise<unknown>[] = []
    const lost = calls.transaction(never, async (query) => {
      waiting.push(codeOf(one(calls)), codeOf(one(calls)))
      await query('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined)
      await sleep(50)
      state.isBroken = true
    })
    expect(await codeOf(lost)).toBe('08006')
    state.isBroken = false
    for (const answer of waiting) expect(['fulfilled', 'ENOENT']).toContain(await answer)
    for (let round = 0; round < 3; round += 1) expect(await one(calls)).toEqual({ one: 1 })
  })
})

describe('the time-out of a connection request', () => {
  test('is not that of a caller who came later', async () => {
    const pool = poolOf({ max: 1, connectionTimeoutMillis: 300 })
    const calls = abortablePool(pool, { maxWaitMs: 5_000 })
    const holder = await pool.connect()
    const early = new AbortController()
    const left = codeOf(calls.query(early.signal, 'select 1'))
    await sleep(200)
    early.abort(Object.assign(new Error('gone'), { code: 'GONE' }))
    expect(await left).toBe('GONE')
    const late = one(calls)
    setTimeout(() => {
      holder.release()
    }, 250)
    expect(await late).toEqual({ one: 1 })
  })

  test('is its own caller’s', async () => {
    const pool = poolOf({ max: 1, connectionTimeoutMillis: 100 })
    const calls = abortablePool(pool, { maxWaitMs: 5_000 })
    const holder = await pool.connect()
    await expect(one(calls)).rejects.toThrow('timeout exceeded when trying to connect')
    holder.release()
    expect(await one(calls)).toEqual({ one: 1 })
  })

  test('leaves nobody without a connection, whoever comes and goes', async () => {
    const pool = poolOf({ max: 2, connectionTimeoutMillis: 40 })
    const calls = abortablePool(pool, { maxWaitMs: 5_000 })
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_item, index) => {
        await sleep(index * 2)
        const caller = new AbortController()
        if (index % 3 === 0) setTimeout(() => caller.abort({ code: 'GONE' }), index % 50)
        return codeOf(calls.query(caller.signal, 'select pg_sleep(0.01)'))
      }),
    )
    const known = ['fulfilled', 'GONE']
    const timedOut = outcomes.filter((outcome) => !known.includes(outcome as string))
    // While it waits for a connection, or, on a slow machine, while one is opened.
    const timeout = /timeout exceeded|due to connection timeout/
    for (const error of timedOut) expect(String(error)).toMatch(timeout)
    expect(calls.stats().waiting).toBe(0)
    while ((await codeOf(one(calls))) !== 'fulfilled') await sleep(1)
    while (pool.idleCount < pool.totalCount) await sleep(1)
    expect(pool).toMatchObject({ waitingCount: 0 })
  })
})

/** In front of the server: the next connections hang without a word, as those to a node that is gone. */
class Balancer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  hangNext = 0
  hanging = 0

  constructor() {
    this.#server = createServer((client) => this.#accept(client)).listen(0, '127.0.0.1')
  }

  async port(): Promise<number> {
    if (!this.#server.listening) await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept(client: Socket): void {
    this.#sockets.add(client.on('error', () => undefined))
    if (this.hangNext > 0) {
      this.hangNext -= 1
      this.hanging += 1
      return
    }
    const upstream = connect(server.port, '127.0.0.1').on('error', () => undefined)
    client.on('close', () => upstream.destroy()).pipe(upstream)
    upstream.on('close', () => client.destroy()).pipe(client)
  }
}

describe('connections that hang while they are opened', () => {
  async function start(max: number): Promise<[Balancer, pg.Pool, AbortablePool]> {
    const balancer = new Balancer()
    balancers.push(balancer)
    const pool = poolOf({ max, port: await balancer.port() })
    return [balancer, pool, abortablePool(pool, { maxWaitMs: 20_000 })]
  }

  /** Makes so many connections hang, with callers that leave. */
  async function hang(balancer: Balancer, calls: AbortablePool, count: number): Promise<void> {
    balancer.hangNext = count
    const caller = new AbortController()
    const left = Array.from({ length: count }, () => codeOf(calls.query(caller.signal, 'select 1')))
    while (balancer.hanging < count) await sleep(1)
    caller.abort({ code: 'GONE' })
    expect(new Set(await Promise.all(left))).toEqual(new Set(['GONE']))
  }

  test.each([1, 3])('delay nobody who comes later: %i of them', async (count) => {
    const [balancer, pool, calls] = await start(count + 1)
    await hang(balancer, calls, count)
    for (let round = 0; round < 3; round += 1) expect(await one(calls)).toEqual({ one: 1 })
    expect(await Promise.all([one(calls), one(calls)])).toEqual([{ one: 1 }, { one: 1 }])
    expect(pool).toMatchObject({ totalCount: count + 1, waitingCount: 0 })
  })

  test('delay nobody while the other connections are busy, either', async () => {
    const [balancer, , calls] = await start(2)
    let end: (() => void) | undefined
    const busy = calls.transaction(never, () => new Promise<void>((resolve) => (end = resolve)))
    while (end === undefined) await sleep(1)
    await hang(balancer, calls, 1)
    const waiting = [one(calls), one(calls)]
    end()
    await busy
    expect(await Promise.all(waiting)).toEqual([{ one: 1 }, { one: 1 }])
  })

  test('are not asked for more often than the pool has places, whoever comes and goes', async () => {
    const [balancer, pool, calls] = await start(2)
    await hang(balancer, calls, 2)
    for (let round = 0; round < 20; round += 1) {
      const caller = new AbortController()
      const left = codeOf(calls.query(caller.signal, 'select 1'))
      caller.abort({ code: 'GONE' })
      expect(await left).toBe('GONE')
    }
    expect(pool).toMatchObject({ totalCount: 2, waitingCount: 1 })
  })
})

test('ten thousand callers that have left cost the one that comes then nothing', async () => {
  const pool = poolOf({ max: 1 })
  const calls = abortablePool(pool)
  const holder = await pool.connect()
  const caller = new AbortController()
  setMaxListeners(0, caller.signal)
  const left = Array.from({ length: 10_000 }, () => calls.query(caller.signal, 'select 1'))
  caller.abort('gone')
  expect(new Set(await Promise.allSettled(left)).size).toBe(10_000)
  const next = one(calls)
  holder.release()
  expect(await next).toEqual({ one: 1 })
  while (pool.idleCount < 1) await sleep(1)
  expect(pool).toMatchObject({ waitingCount: 0, totalCount: 1 })
})

describe('what abortablePool refuses', () => {
  test.each([
    ['nothing', undefined],
    ['a client', new pg.Client()],
    ['pg.native', { Client: nativeClient(), connect: () => undefined, on: () => undefined }],
    ['what only looks like a pool', { connect: () => undefined, on: () => undefined }],
    ['a pool that does not say who waits', { Client: pg.Client, connect: () => undefined }],
  ])('%s, for a pool', (_, pool) => {
    expect(() => abortablePool(pool as unknown as PgPool)).toThrow(
      'Expected `pool` to be a Pool of pg 8.21 or newer, and not of pg.native',
    )
  })

  /** As `pg.native` has it: libpq speaks for it, and its queries prepare nothing themselves. */
  function nativeClient(): unknown {
    const getTransactionStatus = (): null => null
    return { prototype: { getTransactionStatus }, Query: { prototype: {} } }
  }

  test('a stream that could not be opened again for a cancel', () => {
    const stream = new pg.Client().connection.stream
    const pool = poolOf({ stream: stream as never })
    expect(() => abortablePool(pool)).toThrow('Expected `pool.options.stream` to be a function')
  })

  test.each([
    ['a query object', () => new pg.Query('select 1')],
    ['a cursor', () => ({ submit: () => undefined, text: 'select 1' })],
    ['a callback', () => ({ text: 'select 1', callback: () => undefined })],
    ['a number', () => 1],
    ['null', () => null],
    ['nothing', () => undefined],
  ])('%s, for a query', async (_, query) => {
    const pool = poolOf({ max: 1 })
    const calls = abortablePool(pool)
    const expected = { code: 'SPW_ERR_OPTION', message: expect.stringContaining('pool.connect()') }
    await expect(calls.query(never, query() as never)).rejects.toMatchObject(expected)
    expect(pool.totalCount).toBe(0)
    await calls.transaction(never, async (run) => {
      await expect(run(query() as never)).rejects.toMatchObject(expected)
      expect((await run('select 1 as one')).rows).toEqual([{ one: 1 }])
    })
  })
})

test('a query may be an object of somebody’s class, which is left as it is', async () => {
  class Statement {
    readonly values = [1]
    get text(): string {
      return 'select $1::int as n'
    }
  }
  const calls = abortablePool(poolOf({ max: 1 }))
  const statement = Object.freeze(new Statement())
  expect((await calls.query(never, statement)).rows).toEqual([{ n: 1 }])
  expect((await calls.query(never, statement, [2])).rows).toEqual([{ n: 2 }])
  expect((await calls.query(never, statement, null as never)).rows).toEqual([{ n: 1 }])
  expect(statement.values).toEqual([1])
})

test('the values of a query are those of the call, whatever is written into them afterwards', async () => {
  const calls = abortablePool(poolOf({ max: 1 }))
  const values = [1]
  const config = { text: 'select $1::int as n', values: [2] }
  const rowsOf = async (...answers: Promise<PgResult<Record<string, unknown>>>[]) =>
    (await Promise.all(answers)).map(({ rows }) => rows[0]!['n'])
  const ask = (query: PgQuery): Promise<unknown[]> => {
    values[0] = 1
    config.values[0] = 2
    const answers = [query(config.text, values), query(config)]
    values[0] = 3
    config.values[0] = 4
    return rowsOf(...answers)
  }
  expect(await calls.transaction(never, ask)).toEqual([1, 2])
  expect(await ask((query, list) => calls.query(never, query, list))).toEqual([1, 2])
})

test('a statement waits until pg’s own first ones on a new connection are done', async () => {
  const pool = poolOf({ max: 1 })
  pool.on('connect', (client) => {
    void client.query("select pg_sleep(0.2); set application_name = 'prepared'")
  })
  const calls = abortablePool(pool)
  const caller = new AbortController()
  const answer = calls.query(caller.signal, 'select 1')
  setTimeout(() => caller.abort('gone'), 100)
  await expect(answer).rejects.toBe('gone')
  const { rows } = await calls.query(never, 'show application_name')
  expect(rows).toEqual([{ application_name: 'prepared' }])
  expect(calls.stats()).toEqual({ aborted: 0, destroyed: 0, waiting: 0 })
})

test('a pool in pipeline mode is as good as another', async () => {
  const pool = poolOf({ max: 1, pipeline: true })
  const calls = abortablePool(pool, { statementTimeout: true })
  expect(await one(calls)).toEqual({ one: 1 })
  for (let round = 0; round < 3; round += 1) {
    const caller = new AbortController()
    const answer = calls.query(caller.signal, 'select pg_sleep(60)')
    setTimeout(() => caller.abort('gone'), 50)
    await expect(answer).rejects.toBe('gone')
    await expect(calls.query(never, 'select 1/0')).rejects.toMatchObject({ code: '22012' })
    expect(await one(calls)).toEqual({ one: 1 })
  }
  expect(calls.stats()).toMatchObject({ aborted: 3, destroyed: 0 })
})
