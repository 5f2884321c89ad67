import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFaultProxy } from '@spillway/test-support/fault-proxy'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
} from 'vitest'
import { codeOf } from './code-of.ts'
import { createGuard } from '../src/index.ts'
import type { AbortablePool, PgQuery, PgQueryConfig } from '../src/pg/index.ts'
import { abortablePool } from '../src/pg/index.ts'
import type { LentState } from '../src/pg/lent-state.ts'
import { fateOf } from '../src/pg/lent-state.ts'

let server: PostgresServer
let observer: pg.Client
let pool: pg.Pool
let calls: AbortablePool
let application = ''
let testNumber = 0

const never = new AbortController().signal

beforeAll(async () => {
  server = await startPostgres()
  observer = new pg.Client(connection())
  await observer.connect()
  await observer.query('create table stock (item text primary key, count int)')
  await observer.query("insert into stock values ('tea', 10)")
}, 60_000)

afterAll(async () => {
  await observer.end()
  await server.stop()
})

beforeEach(() => {
  application = `give-back-${(testNumber += 1)}`
  pool = new pg.Pool({ ...connection(), max: 1, application_name: application })
  calls = abortablePool(pool)
})

afterEach(async () => {
  // Whatever a failed test has left.
  await terminate()
  await pool.end()
})

function connection(): pg.ClientConfig {
  const { host, user, database, port } = server
  return { host, user, database, port }
}

async function backendOf(): Promise<unknown> {
  return (await calls.query(never, 'select pg_backend_pid() as pid')).rows[0]!['pid']
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`Never so: ${String(condition)}`)
    await sleep(5)
  }
}

async function sleeps(): Promise<boolean> {
  const { rows } = await observer.query(
    `select from pg_stat_activity
     where application_name = $1 and state = 'active' and wait_event = 'PgSleep'`,
    [application],
  )
  return rows.length > 0
}

async function terminate(name = application): Promise<void> {
  await observer.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
    [name],
  )
}

async function tea(): Promise<unknown> {
  return (await observer.query("select count from stock where item = 'tea'")).rows[0].count
}

const takeTea = "update stock set count = count - 1 where item = 'tea'"

describe('what becomes of a connection', () => {
  const error = new Error('lost')
  const states: readonly LentState[] = [
    { kind: 'ready' },
    { kind: 'running', cancellable: true },
    { kind: 'cancelling' },
    { kind: 'lost', reason: 'connection_lost', error },
    { kind: 'lost', reason: 'cancel_unfinished', error },
    { kind: 'returned' },
  ]

  test('it is kept only when it is ready and in no transaction', () => {
    const fates = states.flatMap((state) =>
      (['none', 'open', 'failed'] as const).map((transaction) => fateOf(state, transaction)),
    )
    expect(fates.filter(({ kind }) => kind === 'keep')).toHaveLength(1)
    expect(fateOf({ kind: 'ready' }, 'none')).toEqual({ kind: 'keep' })
    expect(fateOf({ kind: 'ready' }, 'open')).toMatchObject({ reason: 'in_transaction' })
    expect(fateOf(states[2]!, 'none')).toMatchObject({ kind: 'destroy', reason: 'busy' })
    expect(fateOf(states[4]!, 'failed')).toMatchObject({ reason: 'cancel_unfinished' })
  })
})

describe('a text that leaves a transaction open', () => {
  test.each([
    ['fails', 'begin; select 1/0; commit', '22012'],
    ['is cancelled', `begin; ${takeTea}; select pg_sleep(60); commit`, 'gone'],
    ['forgets to commit', `begin; ${takeTea}`, undefined],
    ['only begins', 'begin', undefined],
  ])('when it %s: the next caller has a clean connection', async (_, text, code) => {
    const caller = new AbortController()
    const answer = calls.query(caller.signal, text)
    const outcome = expect(answer).rejects
    if (code === 'gone') {
      await until(sleeps)
      caller.abort('gone')
      await outcome.toBe('gone')
    } else if (code === undefined) await outcome.toThrow('left a transaction open')
    else await outcome.toMatchObject({ code })
    const next = await calls.query(never, 'select 1 as one, now() = statement_timestamp() as own')
    expect(next.rows).toEqual([{ one: 1, own: true }])
    expect(await tea()).toBe(10)
    expect(calls.stats().destroyed).toBe(1)
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
  })

  test('may begin and end as many as it likes', async () => {
    const pid = await backendOf()
    await calls.query(never, 'begin; select 1; commit; begin; select 1/1; rollback; select 2')
    expect(await backendOf()).toBe(pid)
  })

  test('of somebody who uses the pool beside us is not the next caller’s', async () => {
    await pool.query('begin')
    await calls.query(never, 'select 1')
    await pool.query('begin')
    await calls.transaction(never, (query) => query(takeTea))
    expect(await tea()).toBe(9)
    await observer.query("update stock set count = 10 where item = 'tea'")
    expect(calls.stats().destroyed).toBe(2)
  })
})

describe('a connection that the server ends', () => {
  test.each<[string, (query: PgQuery) => Promise<unknown>]>([
    [
      'while a statement runs',
      (query) => Promise.all([query('select pg_sleep(60)'), until(sleeps).then(() => terminate())]),
    ],
    [
      'between two statements',
      async (query) => {
        await query(takeTea)
        await terminate()
        await sleep(50)
        await query(takeTea)
      },
    ],
    [
      'before the commit',
      async (query) => {
        await query(takeTea)
        await terminate()
        await sleep(50)
      },
    ],
    [
      'before the rollback',
      async (query) => {
        await query(takeTea)
        await terminate()
        await query(takeTea)
      },
    ],
  ])('%s fails its call and no other', async (_, work) => {
    const code = await codeOf(calls.transaction(never, work))
    expect(['57P01', '08006', 'ECONNRESET']).toContain(code)
    expect((await calls.query(never, 'select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(await tea()).toBe(10)
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
  })

  test('is no answer of the database to its guard, whatever pg says of it', async () => {
    const guard = createGuard({ name: 'db' })
    await using proxy = await startFaultProxy(server)
    const far = new pg.Pool({ ...connection(), port: proxy.port, max: 1 })
    const farCalls = abortablePool(far)
    for (let round = 0; round < 3; round += 1) {
      const answer = guard.run((signal) =>
        farCalls.transaction(signal, async (query) => {
          await query('select 1')
          if (round === 0) proxy.reset()
          if (round === 1)
            await observer.query(`select pg_terminate_backend(${await pidOf(query)})`)
          if (round === 2) endSilently(far)
          await sleep(30)
          await query('select 2')
        }),
      )
      await expect(answer).rejects.toHaveProperty('code')
    }
    expect(guard.stats().released).toMatchObject({ ignored: 3, success: 0, dropped: 0 })
    await far.end()
  })

  async function pidOf(query: PgQuery): Promise<number> {
    return (await query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid
  }

  /** As a load balancer does: an end, without an error. */
  function endSilently(of: pg.Pool): void {
    const [client] = (of as unknown as { readonly _clients: pg.Client[] })._clients
    client!.connection.stream.destroy()
  }

  test('ends no process, whatever it does at that time', async () => {
    const victim = new URL('pg-storm-victim.ts', import.meta.url)
    const config = JSON.stringify({ ...connection(), max: 8, application_name: 'storm' })
    const child = fork(victim, [config], { execArgv: ['--conditions=@spillway/source'] })
    const exited = once(child, 'exit')
    await once(child, 'message')
    for (let round = 0; round < 60; round += 1) {
      await terminate('storm')
      await sleep(round % 20)
    }
    const answered = once(child, 'message')
    child.send('over')
    const [answer] = (await Promise.race([answered, exited])) as unknown[]
    expect(answer).toEqual([{ n: 7 }])
    expect(await exited).toEqual([0, null])
  })
})

describe('a cancel that comes late', () => {
  /** The postmaster, which takes cancels, stands still; the backends work on. */
  async function whilePostmasterStands(work: () => Promise<void>): Promise<void> {
    process.kill(server.pid, 'SIGSTOP')
    try {
      await work()
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
  }

  test.each([
    ['query', () => calls.query],
    [
      'transaction',
      () => (signal: AbortSignal, text: string) =>
        calls.transaction(signal, (query) => query(text)),
    ],
  ])('hits nobody else’s: the connection of the %s is closed', async (_, ask) => {
    const hasty = abortablePool(pool, { cancelTimeoutMs: 100 })
    calls = hasty
    const pid = await backendOf()
    const caller = new AbortController()
    const answer = ask()
      .call(hasty, caller.signal, 'select pg_sleep(0.4)')
      .catch((error: unknown) => error)
    await until(sleeps)
    await whilePostmasterStands(async () => {
      caller.abort('gone')
      await answer
    })
    const next = calls.query<{ pid: number }>(
      never,
      'select pg_backend_pid() as pid, pg_sleep(0.3)',
    )
    expect((await next).rows[0]!.pid).not.toBe(pid)
    expect(calls.stats()).toMatchObject({ aborted: 1, destroyed: 1 })
  })

  test('is waited for when its statement has ended by itself', async () => {
    const pid = await backendOf()
    const caller = new AbortController()
    const answer = calls.query(caller.signal, 'select pg_sleep(0.2)')
    await until(sleeps)
    let isSettled = false
    await whilePostmasterStands(async () => {
      caller.abort('gone')
      void answer.finally(() => {
        isSettled = true
      })
      await sleep(500)
      expect(isSettled).toBe(false)
      expect(pool.idleCount).toBe(0)
    })
    expect((await answer).rows).toHaveLength(1)
    expect(await backendOf()).toBe(pid)
  })
})

describe('a transaction that is aborted', () => {
  test('while it waits for something that is no query gives back its locks at once', async () => {
    const caller = new AbortController()
    const service = new EventEmitter()
    let late: Promise<unknown> | undefined
    const answer = calls.transaction(caller.signal, async (query) => {
      await query(takeTea)
      service.emit('asked')
      await once(service, 'answer')
      late = query(takeTea)
      await late
    })
    await once(service, 'asked')
    expect(await locks()).toBeGreaterThan(0)
    caller.abort('gone')
    await expect(answer).rejects.toBe('gone')
    expect(await locks()).toBe(0)
    expect(await backendOf()).toBeTypeOf('number')
    expect(calls.stats()).toMatchObject({ aborted: 0, destroyed: 0 })
    service.emit('answer')
    await until(() => late !== undefined)
    await expect(late).rejects.toThrow('The transaction has ended')
    expect(await tea()).toBe(10)
  })

  test.each([0, 1, 2])(
    'while several of its statements were sent side by side, %i of them done',
    async (done) => {
      const caller = new AbortController()
      const texts = ['select 1', 'select 2', 'select 3'].with(done, 'select pg_sleep(60)')
      const outcomes: Promise<PromiseSettledResult<unknown>[]>[] = []
      const answer = calls.transaction(caller.signal, async (query) => {
        await query(takeTea)
        outcomes.push(Promise.allSettled(texts.map((text) => query(text))))
        await outcomes[0]
      })
      await until(sleeps)
      caller.abort('gone')
      await expect(answer).rejects.toBe('gone')
      const statuses = (await outcomes[0])!.map(({ status }) => status)
      expect(statuses.filter((status) => status === 'fulfilled')).toHaveLength(done)
      expect(await locks()).toBe(0)
      expect(await tea()).toBe(10)
      expect(calls.stats()).toMatchObject({ aborted: 1, destroyed: 0 })
    },
  )

  test('while nobody awaits a statement of it ends no process', async () => {
    const caller = new AbortController()
    const unhandled: unknown[] = []
    const note = (error: unknown): unknown => unhandled.push(error)
    process.on('unhandledRejection', note)
    const answer = calls.transaction(caller.signal, async (query) => {
      const first = query('select pg_sleep(60)')
      void query(takeTea)
      await sleep(200)
      void query(takeTea)
      await first
    })
    await until(sleeps)
    caller.abort('gone')
    await expect(answer).rejects.toBe('gone')
    await sleep(300)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    expect(await tea()).toBe(10)
  })

  async function locks(): Promise<number> {
    const { rows } = await observer.query(
      `select count(*)::int from pg_locks join pg_stat_activity using (pid)
       where application_name = $1 and mode = 'RowExclusiveLock'`,
      [application],
    )
    return rows[0].count
  }
})

describe('a statement of a transaction', () => {
  test('is refused when the transaction has ended, and harms nobody', async () => {
    let leaked: PgQuery | undefined
    for (const ending of ['commits', 'rolls back']) {
      const answer = calls.transaction(never, async (query) => {
        leaked = query
        if (ending === 'rolls back') throw new Error('changed my mind')
      })
      await answer.catch(() => undefined)
      await expect(leaked!(takeTea)).rejects.toThrow('The transaction has ended')
    }
    expect(await tea()).toBe(10)
  })

  test('may end it', async () => {
    const answer = calls.transaction(never, async (query) => {
      await query(takeTea)
      await query('rollback')
      return 'undone'
    })
    expect(await answer).toBe('undone')
    expect(await tea()).toBe(10)
    expect(calls.stats().destroyed).toBe(0)
  })

  test('that waits for its turn is not sent when one before it fails the transaction', async () => {
    const answer = calls.transaction(never, (query) =>
      Promise.all([query('select 1/0'), query(takeTea), query('commit')]),
    )
    await expect(answer).rejects.toMatchObject({ code: '22012' })
    expect(await tea()).toBe(10)
    expect(await backendOf()).toBeTypeOf('number')
  })
})

describe.each([false, true])(
  'after a failed statement, statementTimeout %s',
  (statementTimeout) => {
    const ways = ['query', 'transaction'] as const
    type Ask = (query: pg.QueryConfig) => Promise<unknown>

    function asker(way: (typeof ways)[number]): Ask {
      // So long that a test which needs a cancel does not end.
      const own = abortablePool(pool, { statementTimeout, cancelTimeoutMs: 60_000 })
      // The server is told only what a guard knows.
      const guard = createGuard({ name: 'db' })
      return (query) =>
        guard.run((signal) =>
          way === 'query'
            ? own.query(signal, query as PgQueryConfig)
            : own.transaction(signal, (run) => run(query as PgQueryConfig)),
        )
    }

    const byId = {
      name: 'by-id',
      text: 'select * from plans where id = $1::json::text',
      values: ['1'],
    }
    const circular: unknown[] = []
    circular.push({ circular })

    /** Each makes pg and the server disagree about a prepared statement. */
    const spoilers: Readonly<Record<string, (ask: Ask) => Promise<unknown>>> = {
      'whose value could not be written': async (ask) =>
        expect(ask({ ...byId, values: [{ circular }] })).rejects.toThrow('circular'),
      'whose table has changed': async (ask) => {
        await ask(byId)
        await observer.query('alter table plans add more int')
        await expect(ask(byId)).rejects.toMatchObject({ code: '0A000' })
      },
      'that the server has been told to forget': async (ask) => {
        await ask(byId)
        await ask({ text: 'deallocate all' })
        await expect(ask(byId)).rejects.toMatchObject({ code: '26000' })
      },
    }

    beforeEach(async () => {
      await observer.query('drop table if exists plans; create table plans (id text primary key)')
    })

    describe.each(ways)('in a %s', (way) => {
      test.each(Object.keys(spoilers))('a prepared one %s is as good as new', async (kind) => {
        const ask = asker(way)
        await spoilers[kind]!(ask)
        for (let round = 0; round < 3; round += 1)
          expect(await ask(byId)).toMatchObject({ rows: [] })
      })

      test('a prepared one that has merely failed keeps its connection', async () => {
        const ask = asker(way)
        const insert = { name: 'insert', text: 'insert into plans values ($1)', values: ['1'] }
        await ask(insert)
        const backend = await backendOf()
        await expect(ask(insert)).rejects.toMatchObject({ code: '23505' })
        expect(await ask({ ...insert, values: ['2'] })).toMatchObject({ rowCount: 1 })
        expect(await backendOf()).toBe(backend)
      })

      test('one that was never sent keeps its connection', async () => {
        const backend = await backendOf()
        const gone = new AbortController()
        const left = calls.transaction(gone.signal, async (run) => {
          gone.abort({ code: 'GONE' })
          return run({ ...byId, rows: 1 } as PgQueryConfig)
        })
        expect(await codeOf(left)).toBe('GONE')
        expect(await backendOf()).toBe(backend)
      })

      test.each(['select 1 / $1::int', 'selec $1'])('%s in parts fails at once', async (text) => {
        const ask = asker(way)
        const inParts = { text, values: [0], rows: 1 } as pg.QueryConfig
        await expect(ask(inParts)).rejects.toMatchObject({ severity: 'ERROR' })
        expect(await ask({ text: 'select 1 as one' })).toMatchObject({ rows: [{ one: 1 }] })
      })
    })
  },
)

describe('connections that have broken in the pool, which nobody has noticed', () => {
  /** So many connections, idle and dead: this process reads nothing while their backends end. */
  async function deadPool(max: number): Promise<[pg.Pool, AbortablePool]> {
    const dead = new pg.Pool({ ...connection(), max, application_name: application })
    onTestFinished(() => dead.end())
    const own = abortablePool(dead)
    const held = await Promise.all(Array.from({ length: max }, () => dead.connect()))
    const pids = await Promise.all(
      held.map(
        async (client) => (await client.query('select pg_backend_pid() as pid')).rows[0].pid,
      ),
    )
    for (const client of held) client.release()
    for (const pid of pids) process.kill(pid as number, 'SIGTERM')
    while (pids.some((pid) => isAlive(pid as number)));
    return [dead, own]
  }

  function isAlive(pid: number): boolean {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }

  test.each([1, 3])('cost a transaction nothing: %i of them', async (count) => {
    const [dead, own] = await deadPool(count)
    let begun = 0
    const taken = own.transaction(never, async (query) => {
      begun += 1
      return (await query('select 1 as one')).rows
    })
    expect(await taken).toEqual([{ one: 1 }])
    expect(begun).toBe(1)
    expect(dead.totalCount).toBeGreaterThan(0)
  })

  test('cost a query no more than its error, each', async () => {
    const [, own] = await deadPool(2)
    const asks = Array.from({ length: 4 }, () => codeOf(own.query(never, 'select 1')))
    const failed = (await Promise.all(asks)).filter((code) => code !== 'fulfilled')
    expect(failed.length).toBeLessThanOrEqual(2)
    expect(await codeOf(own.query(never, 'select 1'))).toBe('fulfilled')
  })

  test('a new one that breaks at BEGIN is no such one', async () => {
    const proxy = await startFaultProxy(server)
    onTestFinished(() => proxy.close())
    const fresh = new pg.Pool({ ...connection(), port: proxy.port, max: 1 })
    onTestFinished(() => fresh.end())
    fresh.on('acquire', () => proxy.reset())
    const taken = abortablePool(fresh).transaction(never, async () => 'taken')
    expect(await codeOf(taken)).not.toBe('fulfilled')
  })
})

describe('an advisory lock of the session', () => {
  const lock = 'select pg_advisory_lock(7)'
  const tryLock = 'select PG_TRY_ADVISORY_LOCK_SHARED (7)'

  const isFree = async (): Promise<boolean> => {
    const asked = 'select pg_try_advisory_lock(7) as free, pg_advisory_unlock(7)'
    return (await observer.query(asked)).rows[0].free as boolean
  }

  test.each([lock, tryLock])('is given back by a transaction that is aborted: %s', async (text) => {
    const caller = new AbortController()
    const left = calls.transaction(caller.signal, async (query) => {
      await query(text)
      try {
        setImmediate(() => caller.abort({ code: 'GONE' }))
        await query('select pg_sleep(60)')
      } finally {
        await query('select pg_advisory_unlock(7)')
      }
    })
    expect(await codeOf(left)).toBe('GONE')
    await until(isFree)
  })

  test('is given back by a transaction whose work throws, and by a text that fails', async () => {
    const thrown = calls.transaction(never, async (query) => {
      await query(lock)
      throw Object.assign(new Error('mine'), { code: 'MINE' })
    })
    expect(await codeOf(thrown)).toBe('MINE')
    await until(isFree)
    expect(await codeOf(calls.query(never, `${lock}; select 1 / 0`))).toBe('22012')
    await until(isFree)
  })

  test('stays when its call succeeds', async () => {
    await calls.query(never, lock)
    expect(await isFree()).toBe(false)
    await calls.query(never, 'select pg_advisory_unlock(7)')
    expect(await isFree()).toBe(true)
    expect(calls.stats().destroyed).toBe(0)
  })
})
