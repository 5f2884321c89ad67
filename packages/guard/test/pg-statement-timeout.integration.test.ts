import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CallOptions } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import type { AbortablePool, PgQuery, PgQueryConfig, PgResult } from '../src/pg/index.ts'
import { abortablePool } from '../src/pg/index.ts'

let server: PostgresServer
let observer: pg.Client
let pool: pg.Pool
let bounded: AbortablePool
let plain: AbortablePool
const guard = createGuard({ name: 'db' })

beforeAll(async () => {
  server = await startPostgres()
  observer = new pg.Client(connection())
  await observer.connect()
  await observer.query('create table orders (id int primary key, note text)')
  await observer.query('create procedure commits() language plpgsql as $$ begin commit; end $$')
}, 60_000)

afterAll(async () => {
  await observer.end()
  await server.stop()
})

beforeEach(() => {
  pool = new pg.Pool({ ...connection(), max: 1 })
  bounded = abortablePool(pool, { statementTimeout: true })
  plain = abortablePool(pool)
})

afterEach(async () => {
  await pool.end()
})

function connection(): pg.ClientConfig {
  const { host, user, database, port } = server
  return { host, user, database, port }
}

function ask<Row = Record<string, unknown>>(
  calls: AbortablePool,
  query: string | PgQueryConfig,
  values?: readonly unknown[],
  options: CallOptions = { deadlineMs: 20_000 },
): Promise<PgResult<Row>> {
  return guard.run((signal) => calls.query<Row>(signal, query, values), options)
}

async function settingOf(query: Promise<PgResult<{ ms: number }>>): Promise<number> {
  return (await query).rows[0]!.ms
}

const setting = "select setting::int as ms from pg_settings where name = 'statement_timeout'"

describe('statementTimeout', () => {
  test.each([
    ['without values', setting, undefined],
    ['with values', `${setting} and $1`, [true]],
    ['under a name', { name: 'mine', text: setting }, undefined],
  ] as const)('is what the call has left, for a query %s', async (_, query, values) => {
    for (let round = 0; round < 3; round += 1) {
      const ms = await settingOf(ask(bounded, query, values))
      expect(ms).toBeGreaterThan(10_000)
      expect(ms).toBeLessThanOrEqual(20_000)
    }
  })

  test('is gone when the query has ended', async () => {
    await ask(bounded, 'select $1::int', [1])
    await ask(bounded, 'select 1')
    expect(await settingOf(ask(plain, setting))).toBe(0)
  })

  test('is the guard’s timeout for a call without a deadline', async () => {
    const patient = createGuard({ name: 'db', timeoutMs: 5_000_000 })
    const ms = await patient.run(async (signal) =>
      settingOf(bounded.query<{ ms: number }>(signal, setting)),
    )
    expect(ms).toBeGreaterThan(4_900_000)
    expect(ms).toBeLessThanOrEqual(5_000_000)
  })

  test.each([
    ['as an option of the pool', { statement_timeout: 7_000 }, undefined],
    ['as a SET of somebody before', {}, "set statement_timeout = '7s'"],
  ])('never loosens the one that the connection has, %s', async (_, config, before) => {
    const own = new pg.Pool({ ...connection(), max: 1, ...config })
    const calls = abortablePool(own, { statementTimeout: true })
    await ask(calls, 'select 1')
    if (before !== undefined) await own.query(before)
    expect(await settingOf(ask(calls, `${setting} and $1`, [true]))).toBe(7_000)
    expect(await settingOf(ask(calls, setting))).toBe(7_000)
    const work = (query: PgQuery): Promise<number> => settingOf(query<{ ms: number }>(setting))
    expect(await guard.run((signal) => calls.transaction(signal, work))).toBe(7_000)
    const tight = await ask<{ ms: number }>(calls, setting, undefined, { deadlineMs: 5_000 })
    expect(tight.rows[0]!.ms).toBeLessThanOrEqual(5_000)
    await own.end()
  })

  test('is what was left at BEGIN, for each statement of a transaction', async () => {
    const settings = await guard.run(
      (signal) =>
        bounded.transaction(signal, async (query) => [
          await settingOf(query<{ ms: number }>(setting)),
          await settingOf(query<{ ms: number }>(`${setting} and $1`, [true])),
        ]),
      { deadlineMs: 20_000 },
    )
    expect(settings[0]).toBeGreaterThan(10_000)
    expect(settings[0]).toBeLessThanOrEqual(20_000)
    expect(settings[1]).toBe(settings[0])
    expect(await settingOf(ask(plain, setting))).toBe(0)
  })

  test('leaves a tighter one that the transaction sets itself', async () => {
    const call = guard.run((signal) =>
      bounded.transaction(signal, async (query) => {
        await query("set local statement_timeout = '50ms'")
        await query('select pg_sleep($1)', [60])
      }),
    )
    await expect(call).rejects.toMatchObject({ code: '57014' })
  })

  test('is not set for a signal that no guard made', async () => {
    const { signal } = new AbortController()
    const { rows } = await bounded.query<{ ms: number }>(signal, setting)
    expect(rows[0]!.ms).toBe(0)
  })

  test('is refused when it is no boolean', () => {
    expect(() => abortablePool(pool, { statementTimeout: 1_000 as never })).toThrow(
      'Expected `statementTimeout` to be true or false, got 1000 (number)',
    )
  })
})

describe('a query with a statement timeout', () => {
  const queries: [query: string | PgQueryConfig, values?: unknown[]][] = [
    ['select 1 as a, null as b'],
    ['select 1 as a; select 2 as b; select 3 as c'],
    ['select * from orders'],
    ["update orders set note = 'none' where id = -1"],
    ['select $1::int as a', [7]],
    ['update orders set note = $1 where id = -1', ['none']],
    [{ name: 'again', text: 'select $1::text as a' }, ['x']],
    [{ name: 'again', text: 'select $1::text as a' }, ['y']],
    [''],
    ['-- nothing'],
    ['-- why\n/* and how */ (select 1 as a)'],
    ['/* nested /* comments */ */ select 1 as a'],
    ['values (1, 2)'],
    ['table orders'],
    ['with a as (select 1 as b) select * from a'],
    ['select 1 as a; begin; select 2 as b; commit'],
    ['begin isolation level serializable; select 1 as a; commit'],
    ['explain (costs off) select 1'],
    ["set application_name = 'mine'"],
    ['show application_name'],
    ['vacuum orders'],
    ['create index concurrently if not exists by_note on orders (note)'],
    ['do $$ begin commit; end $$'],
    ['call commits()'],
    [{ text: 'select 1 as a', values: null } as never],
    [{ text: 'select 1 as a', values: [] }],
    [{ text: 'select 1 as a', queryMode: 'extended' } as never],
    [{ text: 'select * from generate_series(1, 3) as a', rows: 2 } as never],
    [{ text: 'select $1::int as a', rowMode: 'array' } as never, [7]],
    [{ name: 'binary', text: 'select $1::int as a', binary: true } as never, [7]],
  ]

  test.each(queries)('answers as without: %j', async (query, values) => {
    const shape = (result: unknown): unknown => JSON.parse(JSON.stringify(result))
    const expected = shape(await ask(plain, query, values))
    expect(shape(await ask(bounded, query, values))).toEqual(expected)
    expect(shape(await ask(bounded, query, values))).toEqual(expected)
  })

  test.each([
    ['select * from nowhere', undefined],
    ['select * from nowhere where a = $1', [1]],
    ['select 1; selekt 2', undefined],
    [`${'/**/'.repeat(100)} 1`, undefined],
    ['select 1/0', undefined],
    [{ name: 'wrong', text: 'select * from nowhere' }, undefined],
    [{ name: 'wrong', text: 'select 1/0' }, undefined],
    [{ name: 'again', text: 'select $1::text as b' }, ['x']],
    [{ text: 'select $1::int', values: 'none' } as never, undefined],
    [{ text: 'select pg_sleep(60)', query_timeout: 50 } as never, undefined],
    [{} as never, undefined],
    ['copy orders from stdin', undefined],
  ] as [string | PgQueryConfig, unknown[] | undefined][])(
    'fails as without: %j',
    async (query, values) => {
      const failure = async (calls: AbortablePool): Promise<unknown> => {
        await ask(calls, { name: 'again', text: 'select $1::text as a' }, ['x'])
        const error: unknown = await ask(calls, query, values).catch((e: unknown) => e)
        const { code, position, message } = error as pg.DatabaseError
        return { code, position, message }
      }
      const expected = await failure(plain)
      expect(expected).toHaveProperty('message')
      expect(await failure(bounded)).toEqual(expected)
      expect((await ask(bounded, 'select $1::int as a', [1])).rows).toEqual([{ a: 1 }])
    },
  )

  test.each<[name: string, work: (query: PgQuery) => Promise<unknown>]>([
    [
      'goes on after an error, back to a savepoint',
      async (query) => {
        await query('savepoint before')
        await query('select 1/$1::int', [0]).catch(() => undefined)
        await query('rollback to savepoint before')
        return (await query('select $1::int as a', [1])).rows
      },
    ],
    [
      'sets its isolation level first',
      async (query) => {
        await query('set transaction isolation level serializable, read only, deferrable')
        return (await query('show transaction_isolation')).rows
      },
    ],
    [
      'locks a table first',
      async (query) => {
        await query('lock table orders in share mode')
        return (await query('select * from orders')).rows
      },
    ],
    [
      'uses a cursor',
      async (query) => {
        await query('declare many cursor for select * from generate_series(1, 3) as a')
        return (await query('fetch 2 from many')).rows
      },
    ],
    ['prepares', async (query) => (await query({ name: 'one', text: 'select 1 as a' })).rows],
  ])('in a transaction that %s: as without', async (_, work) => {
    const outcome = (calls: AbortablePool): Promise<unknown> =>
      guard.run((signal) => calls.transaction(signal, work), { deadlineMs: 20_000 })
    expect(await outcome(bounded)).toEqual(await outcome(plain))
  })

  test('is a failed one of its transaction, which is rolled back', async () => {
    const broken = guard.run((signal) =>
      bounded.transaction(signal, async (query) => {
        await query("insert into orders values (99, 'never')")
        await query('select * from nowhere where a = $1', [1]).catch(() => undefined)
        await query('select $1::int', [1]).catch(() => undefined)
      }),
    )
    await expect(broken).rejects.toThrow('rolled back because a statement in it had failed')
    expect((await ask(bounded, 'select * from orders where id = 99')).rows).toEqual([])
  })

  test('still takes values that cannot be sent for a failure, and the next one works', async () => {
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    await expect(ask(bounded, 'select $1::json', [circular])).rejects.toThrow('circular')
    expect((await ask(bounded, 'select $1::int as a', [1])).rows).toEqual([{ a: 1 }])
  })

  test('needs nothing that somebody may discard on the connection', async () => {
    await ask(bounded, 'select $1::int', [1])
    await ask(plain, 'discard all')
    expect((await ask(bounded, 'select $1::int as a', [1])).rows).toEqual([{ a: 1 }])
  })

  test('is cancelled as ever when its caller hangs up, also while it prepares', async () => {
    for (const afterMs of [0, 50]) {
      const caller = new AbortController()
      const call = guard.run((signal) => bounded.query(signal, 'select pg_sleep($1)', [60]), {
        signal: caller.signal,
      })
      setTimeout(() => caller.abort(), afterMs)
      await expect(call).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED' })
      while (guard.stats().running > 0) await sleep(5)
    }
    expect((await ask(bounded, 'select $1::int as a', [1])).rows).toEqual([{ a: 1 }])
  })

  test('ends in the server at the deadline, when nobody cancels it', async () => {
    const deaf = new AbortController()
    const started = performance.now()
    const call = guard.run(
      (signal) => {
        // As if our process stood still: the abort is never heard.
        signal.addEventListener = () => undefined
        return bounded.query(signal, 'select pg_sleep($1)', [60])
      },
      { deadlineMs: 400, signal: deaf.signal },
    )
    await expect(call).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT', reason: 'deadline' })
    while (guard.stats().running > 0) await sleep(5)
    expect(performance.now() - started).toBeLessThan(20_000)
    expect(bounded.stats()).toMatchObject({ aborted: 0, destroyed: 0 })
  })
})

describe('a process that is killed', () => {
  const children: ChildProcess[] = []

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  /** Starts a process, waits until the server works for it, kills it; how long the query lived on. */
  async function livesOnMs(
    application: string,
    options: { statementTimeout: boolean; inTransaction: boolean },
    watchMs: number,
  ): Promise<number> {
    const config = { ...connection(), application_name: application }
    const victim = new URL('pg-victim.ts', import.meta.url)
    const child = fork(victim, [JSON.stringify({ config, deadlineMs: 2_500, ...options })], {
      execArgv: ['--conditions=@spillway/source'],
    })
    children.push(child)
    await until(async () => (await working(application)) === 1)
    child.kill('SIGKILL')
    const killedAt = performance.now()
    while (performance.now() - killedAt < watchMs && (await working(application)) > 0) {
      await sleep(20)
    }
    return performance.now() - killedAt
  }

  async function working(application: string): Promise<number> {
    const { rows } = await observer.query<{ count: number }>(
      `select count(*)::int from pg_stat_activity
       where application_name = $1 and state = 'active' and query like '%pg_sleep%'`,
      [application],
    )
    return rows[0]!.count
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const giveUpAt = performance.now() + 20_000
    while (!(await condition())) {
      if (performance.now() > giveUpAt) throw new Error('The server never worked for the child')
      await sleep(10)
    }
  }

  test.each([{ inTransaction: false }, { inTransaction: true }])(
    'leaves no query behind after its deadline, %j',
    async ({ inTransaction }) => {
      const name = `killed-${inTransaction}`
      const ms = await livesOnMs(name, { statementTimeout: true, inTransaction }, 15_000)
      // The deadline was 2.5 s, of which some had passed; without it the query takes a minute.
      expect(ms).toBeLessThan(4_500)
      expect(await working(name)).toBe(0)
    },
  )

  test('leaves it behind without a statement timeout: what this is for', async () => {
    const options = { statementTimeout: false, inTransaction: false }
    expect(await livesOnMs('killed-plain', options, 4_500)).toBeGreaterThanOrEqual(4_500)
    await observer.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'killed-plain'",
    )
  })
})
