// A pool, a server, and what may become of a call: the model that `pg-model.integration.test.ts` runs.
import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import type { FaultProxy } from '@spillway/test-support/fault-proxy'
import fc from 'fast-check'
import pg from 'pg'
import type { AbortablePool, PgQuery, PgQueryConfig } from '../src/pg/index.ts'
import { createGuard } from '../src/index.ts'
import { abortablePool } from '../src/pg/index.ts'

const pauseMs = fc.integer({ min: 0, max: 8 })

const statement = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), pauseMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('values' as const), pauseMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('named' as const), pauseMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('several' as const), pauseMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('error' as const), pauseMs }) },
)

/** Undefined: never; 0: before anything is sent. */
const abortAfterMs = fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined, freq: 2 })

const query = fc.record({
  kind: fc.constant('query' as const),
  text: fc.oneof(
    { weight: 4, arbitrary: statement },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('whole' as const, 'open' as const, 'broken' as const),
        pauseMs,
      }),
    },
  ),
  abortAfterMs,
  bounded: fc.boolean(),
})

const transaction = fc.record({
  kind: fc.constant('transaction' as const),
  statements: fc.array(statement, { maxLength: 4 }),
  sideBySide: fc.boolean(),
  idleMs: fc.constantFrom(0, 0, 15),
  ending: fc.constantFrom('commit' as const, 'throw' as const, 'by hand' as const),
  abortAfterMs,
  bounded: fc.boolean(),
})

export const step = fc.oneof(
  { weight: 10, arbitrary: query },
  { weight: 6, arbitrary: transaction },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('beside' as const), pauseMs }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pause' as const), pauseMs }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('terminate' as const),
      share: fc.double({ min: 0.2, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cancels' as const),
      are: fc.constantFrom('quick' as const, 'late' as const, 'too late' as const, 'lost' as const),
    }),
  },
)

export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type QueryStep = Extract<Step, { kind: 'query' }>
type TransactionStep = Extract<Step, { kind: 'transaction' }>
type Statement = TransactionStep['statements'][number]

const lossCodes: ReadonlySet<unknown> = new Set(['57P01', '08006', 'ECONNRESET', 'EPIPE'])
/** How long after its end a client may still believe in a connection. */
const noticeMs = 1_000

const cancelTimeoutMs = 100

class OwnError extends Error {}

export class World {
  readonly faults: string[] = []
  readonly done = { answers: 0, errors: 0, aborts: 0, losses: 0 }
  readonly pool: pg.Pool
  readonly #calls: Readonly<Record<'bounded' | 'plain', AbortablePool>>
  readonly #guard = createGuard({ name: 'db', breaker: false, limit: fixedLimit(10_000) })
  readonly #observer: pg.Pool
  readonly #cancels: FaultProxy
  readonly #name: string
  readonly #running = new Set<Promise<void>>()
  #question = 0
  #terminatedAt = -Infinity

  constructor(connection: pg.ClientConfig, observer: pg.Pool, cancels: FaultProxy, name: string) {
    this.#observer = observer
    this.#cancels = cancels
    this.#name = name
    this.pool = new pg.Pool({ ...connection, max: 3, application_name: name })
    // Where a cancel is sent to; the connection itself has been made by then.
    this.pool.on('connect', (client) => Object.assign(client, { port: cancels.port }))
    const options = { cancelTimeoutMs, maxWaitMs: 30_000 }
    this.#calls = {
      plain: abortablePool(this.pool, options),
      bounded: abortablePool(this.pool, { ...options, statementTimeout: true }),
    }
  }

  async take(next: Step): Promise<void> {
    // More would only wait for a connection until they are aborted.
    while (this.#running.size >= 6) await Promise.race(this.#running)
    if (next.kind === 'query') this.#start(this.#query(next))
    else if (next.kind === 'transaction') this.#start(this.#transaction(next))
    else if (next.kind === 'beside') this.#start(this.#beside(next.pauseMs))
    else if (next.kind === 'pause') await sleep(next.pauseMs)
    else if (next.kind === 'terminate') await this.#terminate(next.share)
    else this.#setCancels(next.are)
  }

  /** Everything ends, and the pool is as it should be. */
  async end(): Promise<void> {
    this.#cancels.heal()
    await Promise.all(this.#running)
    const { plain, bounded } = this.#calls
    await this.#eventually('the pool has all connections back', () => {
      const { totalCount, idleCount, waitingCount } = this.pool
      const waiting = waitingCount + plain.stats().waiting + bounded.stats().waiting
      return totalCount === idleCount && totalCount <= 3 && waiting === 0
    })
    await this.#eventually(
      'the server has idle connections, and only those of the pool',
      async () => {
        const { rows } = await this.#observer.query<{ state: string; clean: boolean }>(
          'select state, xact_start is null as clean from pg_stat_activity where application_name = $1',
          [this.#name],
        )
        const areIdle = rows.every(({ state, clean }) => state === 'idle' && clean)
        return areIdle && rows.length === this.pool.totalCount
      },
    )
    for (let round = 0; round < 6; round += 1) this.#start(this.#beside(1))
    await Promise.all(this.#running)
    await this.pool.end()
  }

  #start(call: Promise<void>): void {
    const running = call.catch((error: unknown) => {
      this.#fault(`the model itself failed: ${String(error)}`)
    })
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  #fault(text: string): void {
    this.faults.push(text)
  }

  async #eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const giveUpAt = performance.now() + 5_000
    while (!(await condition())) {
      if (performance.now() > giveUpAt) return this.#fault(`never so: ${what}`)
      await sleep(5)
    }
  }

  #setCancels(are: 'quick' | 'late' | 'too late' | 'lost'): void {
    if (are === 'quick') this.#cancels.heal()
    else if (are === 'late') this.#cancels.delay(20)
    else if (are === 'too late') this.#cancels.delay(cancelTimeoutMs + 30)
    else this.#cancels.stall()
  }

  async #terminate(share: number): Promise<void> {
    this.#terminatedAt = Infinity
    await this.#observer.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = $1 and random() < $2`,
      [this.#name, share],
    )
    this.#terminatedAt = performance.now()
  }

  /** With pg alone, on the same pool: nothing of ours is left on its connection. */
  async #beside(ms: number): Promise<void> {
    const startedAt = performance.now()
    const n = (this.#question += 1)
    const text = `select ${n} as n, current_setting('statement_timeout') as timeout,
      now() = statement_timestamp() as fresh, pg_sleep(${ms / 1000})`
    try {
      const { rows } = await this.pool.query(text)
      this.#expect(rows[0].n === n, `beside: ${rows[0].n} is no answer to ${n}`)
      this.#expect(rows[0].timeout === '0', 'beside: a statement_timeout is left')
      this.#expect(rows[0].fresh === true, 'beside: a transaction is left')
    } catch (error) {
      this.#expectLoss(error, startedAt, 'beside')
    }
  }

  #expect(isSo: boolean, fault: string): void {
    if (!isSo) this.#fault(fault)
  }

  /** A call is told of a lost connection only if somebody has ended connections. */
  #expectLoss(error: unknown, startedAt: number, of: string): void {
    this.done.losses += 1
    const isPossible = this.#terminatedAt > startedAt - noticeMs
    const { code, message } = error as { readonly code?: unknown; readonly message?: string }
    const isLoss = lossCodes.has(code) || message?.includes('onnection') === true
    if (!isPossible || !isLoss) this.#fault(`${of}: ${String(code)} ${String(error)}`)
  }

  async #query({ text, abortAfterMs: after, bounded }: QueryStep): Promise<void> {
    const n = (this.#question += 1)
    const config = configOf(text, n)
    await this.#call(after, `query ${text.kind}`, text.kind, async (signal) => {
      const answer = await this.#of(bounded).query(signal, config)
      this.#expect(text.kind !== 'open', 'a query that leaves a transaction open was accepted')
      this.#expectAnswer(answer, n, `query ${text.kind}`)
    })
  }

  #of(bounded: boolean): AbortablePool {
    return this.#calls[bounded ? 'bounded' : 'plain']
  }

  #expectAnswer(answer: unknown, n: number, of: string): void {
    const results = Array.isArray(answer) ? answer : [answer]
    const rows = results.flatMap((result: { rows: { n: number }[] }) => result.rows)
    const isRight = rows.length > 0 && rows.every((row) => row.n === n)
    this.#expect(isRight, `${of}: ${JSON.stringify(rows)} is no answer to ${n}`)
  }

  async #transaction(of: TransactionStep): Promise<void> {
    const id = (this.#question += 1)
    const startedAt = performance.now()
    const failing = of.statements.some(({ kind }) => kind === 'error') ? 'error' : of.ending
    let outcome = 'open'
    let leaked: PgQuery | undefined
    await this.#call(of.abortAfterMs, `transaction ${of.ending}`, failing, async (signal) => {
      outcome = 'unknown'
      try {
        await this.#of(of.bounded).transaction(signal, async (run) => {
          leaked = run
          await this.#work(of, id, run)
        })
        outcome = of.ending === 'commit' ? 'committed' : 'undone'
      } catch (error) {
        if (!lossCodes.has((error as { code?: unknown }).code)) outcome = 'undone'
        throw error
      }
    })
    if (leaked !== undefined) await this.#expectRefused(leaked)
    const isTorn = outcome === 'undone' && this.#terminatedAt > startedAt - noticeMs
    if (outcome === 'committed' || (outcome === 'undone' && !isTorn)) {
      const { rows } = await this.#observer.query('select from done where id = $1', [id])
      this.#expect(
        rows.length === (outcome === 'committed' ? 1 : 0),
        `transaction ${id} that was ${outcome} has ${rows.length} rows: ${JSON.stringify(of)}`,
      )
    }
  }

  async #work(of: TransactionStep, id: number, run: PgQuery): Promise<void> {
    await run('insert into done values ($1)', [id])
    const ask = async (item: Statement): Promise<void> => {
      const n = (this.#question += 1)
      this.#expectAnswer(await run(configOf(item, n)), n, 'statement')
    }
    if (of.sideBySide) await Promise.all(of.statements.map(ask))
    else for (const item of of.statements) await ask(item)
    await sleep(of.idleMs)
    if (of.ending === 'throw') throw new OwnError('changed my mind')
    if (of.ending === 'by hand') await run('rollback')
  }

  async #expectRefused(leaked: PgQuery): Promise<void> {
    const error: unknown = await leaked('select 1').catch((reason: unknown) => reason)
    this.#expect(
      error instanceof Error && error.message.includes('has ended'),
      `a statement after its transaction: ${String(error)}`,
    )
  }

  /** Runs one call under the guard, and judges how it ended. */
  async #call(
    after: number | undefined,
    of: string,
    failing: string,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const startedAt = performance.now()
    const caller = new AbortController()
    const reason = new Error('gone')
    const timer = setTimeout(() => caller.abort(reason), after ?? 2_147_483_647)
    let ended: Promise<void> | undefined
    const run = async (signal: AbortSignal): Promise<void> => {
      if (after === 0) caller.abort(reason)
      ended = work(signal)
      return ended
    }
    // The guard answers its caller at once; what counts here is how the work ends.
    await this.#guard.run(run, { signal: caller.signal, deadlineMs: 60_000 }).catch(() => undefined)
    try {
      await ended
      this.done.answers += 1
    } catch (error) {
      if (caller.signal.aborted && (error as Error).cause === reason) this.done.aborts += 1
      else if (isOwn(error, failing)) this.done.errors += 1
      else this.#expectLoss(error, startedAt, of)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Whether this call was to fail like this. */
function isOwn(error: unknown, failing: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message: string }
  if (failing === 'throw') return error instanceof OwnError
  if (failing === 'open') return message.includes('left a transaction open')
  return (failing === 'error' || failing === 'broken') && code === '22012'
}

function configOf({ kind, pauseMs: ms }: QueryStep['text'], n: number): PgQueryConfig {
  const wait = `pg_sleep(${ms / 1000})`
  const texts: Readonly<Record<typeof kind, PgQueryConfig>> = {
    answer: { text: `select ${n} as n, ${wait}` },
    values: { text: `select $1::int as n, ${wait}`, values: [n] },
    named: { name: `wait ${ms}`, text: `select $1::int as n, ${wait}`, values: [n] },
    several: { text: `select ${n} as n; select ${wait}, ${n} as n; select ${n} as n` },
    error: { text: `select ${wait}, ${n} / (${n} - ${n}) as n` },
    whole: { text: `begin; select ${n} as n; select ${wait}, ${n} as n; commit` },
    open: { text: `begin; select ${n} as n, ${wait}` },
    broken: { text: `begin; select ${n} as n, ${wait}; select 1 / 0; commit` },
  }
  return texts[kind]
}
