import { invalidOption, knownKeys, milliseconds } from '@spillway/core'
import { callOf } from '../running-call.ts'
import { ConnectionQueue } from './connection-queue.ts'
import type { ConnectionCounts, LentConnection } from './lent-connection.ts'
import { expectPgPool, streamOption } from './pg-internals.ts'
import { toConfig } from './statement.ts'
import { beginWithin, canShareTransaction, queryWithin } from './statement-timeout.ts'
import { Transaction, unlessAborted } from './transaction.ts'
import type { PgPool, PgQueryConfig, PgResult } from './types.ts'

export type { PgClient, PgPool, PgQueryConfig, PgResult, TransactionStatus } from './types.ts'

/** Options of {@link abortablePool}. */
export interface AbortablePoolOptions {
  /**
   * Longest wait for a connection of the pool.
   *
   * @default 1_000, the patience of a caller that names no deadline
   */
  readonly maxWaitMs?: number | undefined
  /**
   * How long a cancel may take. Then the connection is closed, and the call counts as ended although
   * the server may still work on it (see `client_connection_check_interval` in PostgreSQL).
   *
   * @default 2_000: a reachable server cancels in milliseconds, and permits of a hung one come back
   *   within seconds
   */
  readonly cancelTimeoutMs?: number
  /**
   * Tells the server what the call has left, as `statement_timeout`, so that it ends the statement by
   * itself, even when this process has been killed and nobody is left to cancel it. Costs no round
   * trip: the setting travels with the query or with BEGIN, and is local to its transaction. A tighter
   * `statement_timeout` of the connection stays. Works for the signals that a guard hands to its work.
   *
   * `query` does so for SELECT, INSERT, UPDATE, DELETE, MERGE, WITH, VALUES and TABLE; other
   * statements are sent as they are, for many of them refuse to share a transaction. In a
   * `transaction`, each statement may take as long as the call had left at BEGIN.
   *
   * @default false: it leans on parts of pg's client that are not in its types
   */
  readonly statementTimeout?: boolean
}

/** Runs one statement on the transaction's connection. */
export type PgQuery = <Row = Record<string, unknown>>(
  query: string | PgQueryConfig,
  values?: readonly unknown[],
) => Promise<PgResult<Row>>

/** Numbers of one abortable pool. */
export interface AbortablePoolStats extends Readonly<ConnectionCounts> {
  /** Calls that wait for a connection. */
  readonly waiting: number
}

/** A pg pool whose calls end for real when their signal aborts. */
export interface AbortablePool {
  /**
   * Runs one statement, or several in one text. Settles when it has really ended.
   *
   * @throws the signal's reason when it was aborted
   * @throws SPW_ERR_QUEUE_TIMEOUT (503), reason `pool_exhausted`, when no connection came free in time
   * @throws SPW_ERR_OPTION for what is no query, such as a cursor or a stream
   * @throws an error when it leaves a transaction open, which is rolled back: its connection goes on to
   *   somebody else. That is what `transaction` is for
   * @throws whatever pg throws; `code` is `08006` (connection_failure) for a lost connection when
   *   neither the server nor the socket has named another
   */
  query<Row = Record<string, unknown>>(
    signal: AbortSignal,
    query: string | PgQueryConfig,
    values?: readonly unknown[],
  ): Promise<PgResult<Row>>
  /**
   * Runs `work` between BEGIN and COMMIT on one connection. Rolls back when it throws, and at once
   * when the signal aborts before the COMMIT is sent, whatever `work` waits for then; its later
   * statements are refused. When the COMMIT itself is cancelled, the outcome is the server's, as ever.
   * A connection that has broken in the pool shows at BEGIN, and another one is taken.
   */
  transaction<T>(signal: AbortSignal, work: (query: PgQuery) => Promise<T>): Promise<T>
  stats(): AbortablePoolStats
}

/**
 * Wraps a pool, which may be used beside it. Listens to the pool's `error` event, by which pg tells
 * of idle connections that break, and which ends the process when nobody listens.
 *
 * A connection goes back to the pool only if it is alive, in no transaction, no cancel is under way and
 * no failed statement makes later ones fail; otherwise it is closed. A connection without a key to cancel
 * with (some poolers) is closed at an abort, and the server may work on.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range, or the pool is none of pg 8.21 or
 *   newer (`pg.native` can be neither cancelled nor judged this way)
 */
export function abortablePool(pool: PgPool, options: AbortablePoolOptions = {}): AbortablePool {
  knownKeys('options', options, ['maxWaitMs', 'cancelTimeoutMs', 'statementTimeout'])
  const { maxWaitMs = 1_000, cancelTimeoutMs = 2_000, statementTimeout = false } = options
  expectPgPool(pool)
  const settings = {
    cancelTimeoutMs: milliseconds('cancelTimeoutMs', cancelTimeoutMs, 1),
    makeStream: streamOption(pool),
    counts: { aborted: 0, destroyed: 0 },
  }
  const queue = new ConnectionQueue(pool, milliseconds('maxWaitMs', maxWaitMs, 1), settings)
  const calls = new CancellingPool(
    queue,
    settings.counts,
    isTrue('statementTimeout', statementTimeout),
  )
  listen(pool)
  return calls
}

function isTrue(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalidOption(name, 'true or false', value)
}

const listenedTo = new WeakSet<PgPool>()

function listen(pool: PgPool): void {
  if (listenedTo.has(pool)) return
  listenedTo.add(pool)
  pool.on('error', () => undefined)
}

/** `never_begun`: its connection had broken in the pool, so nothing has been done. */
type TransactionOutcome<T> =
  | { readonly kind: 'committed'; readonly result: T }
  | { readonly kind: 'never_begun' }

class CancellingPool implements AbortablePool {
  readonly #connections: ConnectionQueue
  readonly #counts: ConnectionCounts
  readonly #statementTimeout: boolean

  constructor(connections: ConnectionQueue, counts: ConnectionCounts, statementTimeout: boolean) {
    this.#connections = connections
    this.#counts = counts
    this.#statementTimeout = statementTimeout
  }

  async query<Row>(
    signal: AbortSignal,
    query: string | PgQueryConfig,
    values?: readonly unknown[],
  ): Promise<PgResult<Row>> {
    const config = toConfig(query, values)
    return this.#withConnection(signal, async (connection) => {
      const answer = await run(connection, signal, config, () => {
        const leftMs = canShareTransaction(config) ? this.#leftMs(signal) : undefined
        const { client } = connection
        return leftMs === undefined ? client.query(config) : queryWithin(client, config, leftMs)
      })
      if (connection.transaction === 'none') return answer as PgResult<Row>
      throw new Error('The query left a transaction open, which was rolled back; use `transaction`')
    })
  }

  async transaction<T>(signal: AbortSignal, work: (query: PgQuery) => Promise<T>): Promise<T> {
    for (;;) {
      const outcome = await this.#withConnection(signal, (connection) =>
        this.#transactionOn(connection, signal, work),
      )
      // Each time the pool has one stale connection less; one that is new is never stale.
      if (outcome.kind === 'committed') return outcome.result
    }
  }

  async #transactionOn<T>(
    connection: LentConnection,
    signal: AbortSignal,
    work: (query: PgQuery) => Promise<T>,
  ): Promise<TransactionOutcome<T>> {
    const send = (config: PgQueryConfig): Promise<unknown> =>
      run(connection, signal, config, () => connection.client.query(config))
    const transaction = new Transaction(connection, send)
    let hasBegun = false
    try {
      const leftMs = this.#leftMs(signal)
      await (leftMs === undefined ? send({ text: 'BEGIN' }) : beginWithin(send, leftMs))
      hasBegun = true
      const query: PgQuery = (text, values) => transaction.query(text, values)
      const result = await unlessAborted(signal, () => work(query))
      await transaction.commit()
      return { kind: 'committed', result }
    } catch (error) {
      await transaction.rollback()
      if (!hasBegun && connection.isStale && !signal.aborted) return { kind: 'never_begun' }
      throw error
    }
  }

  stats(): AbortablePoolStats {
    return { ...this.#counts, waiting: this.#connections.waiting }
  }

  /** What the server is told; undefined: nothing. */
  #leftMs(signal: AbortSignal): number | undefined {
    return this.#statementTimeout ? callOf(signal)?.deadlineMs : undefined
  }

  async #withConnection<T>(
    signal: AbortSignal,
    use: (connection: LentConnection) => Promise<T>,
  ): Promise<T> {
    const connection = await this.#connections.take(signal)
    const onAbort = (): void => {
      connection.abort()
    }
    signal.addEventListener('abort', onAbort)
    let hasSucceeded = false
    try {
      const answer = await use(connection)
      // Whoever has left knows nothing of an answer that has come all the same.
      hasSucceeded = !signal.aborted
      return answer
    } finally {
      if (!hasSucceeded) connection.fail()
      signal.removeEventListener('abort', onAbort)
      this.#connections.giveBack(connection)
    }
  }
}

/** Runs a statement, unless the signal has aborted; if that is why it failed, its reason is thrown. */
async function run(
  connection: LentConnection,
  signal: AbortSignal,
  config: PgQueryConfig,
  send: () => Promise<unknown>,
): Promise<unknown> {
  try {
    return await connection.run(config, () => {
      signal.throwIfAborted()
      return send()
    })
  } catch (error) {
    throw signal.aborted && !isAnswer(error) ? signal.reason : error
  }
}

const queryCanceled = '57014'

/** Whether the server has answered the statement, and not only the cancel. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof Error && 'severity' in error)) return false
  return (error as { readonly code?: unknown }).code !== queryCanceled
}
