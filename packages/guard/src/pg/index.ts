import { invalidOption, knownKeys, milliseconds } from '@spillway/core'
import { ConnectionQueue } from './connection-queue.ts'
import type { CancelCounts, SessionSettings } from './session.ts'
import { Session } from './session.ts'
import type { PgPool, PgQueryConfig, PgResult } from './types.ts'

export type { PgClient, PgPool, PgQueryConfig, PgResult } from './types.ts'

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
   * Sets `statement_timeout` for each query to what its call has left, so that the server ends it at
   * the deadline by itself, even when this process has been killed and nobody is left to cancel it.
   * Costs no round trip: the setting travels in front of the query and is local to its transaction.
   * Works for the signals that a guard hands to its work.
   *
   * @default false: it prepares a statement on each connection, which a pooler between us and the
   *   server may not support (PgBouncer does from 1.21 on; RDS Proxy then pins the connection), and
   *   statements that refuse a transaction, such as VACUUM, fail
   */
  readonly statementTimeout?: boolean
}

/** Runs one statement on the transaction's connection. */
export type PgQuery = <Row = Record<string, unknown>>(
  query: string | PgQueryConfig,
  values?: readonly unknown[],
) => Promise<PgResult<Row>>

/** Numbers of one abortable pool. */
export interface AbortablePoolStats extends Readonly<CancelCounts> {
  /** Calls that wait for a connection. */
  readonly waiting: number
}

/** A pg pool whose calls end for real when their signal aborts. */
export interface AbortablePool {
  /**
   * Runs one statement. Settles when it has really ended.
   *
   * @throws the signal's reason when it was aborted
   * @throws SPW_ERR_QUEUE_TIMEOUT (503), reason `pool_exhausted`, when no connection came free in time
   * @throws whatever pg throws
   */
  query<Row = Record<string, unknown>>(
    signal: AbortSignal,
    query: string | PgQueryConfig,
    values?: readonly unknown[],
  ): Promise<PgResult<Row>>
  /**
   * Runs `work` between BEGIN and COMMIT on one connection; rolls back when it throws or the signal
   * aborts before the COMMIT is sent. When the COMMIT itself is cancelled, the outcome is the
   * server's, as ever.
   */
  transaction<T>(signal: AbortSignal, work: (query: PgQuery) => Promise<T>): Promise<T>
  stats(): AbortablePoolStats
}

/**
 * Wraps a pool; the pool itself is left as it is, and may be used beside it.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function abortablePool(pool: PgPool, options: AbortablePoolOptions = {}): AbortablePool {
  knownKeys('options', options, ['maxWaitMs', 'cancelTimeoutMs', 'statementTimeout'])
  const { maxWaitMs = 1_000, cancelTimeoutMs = 2_000, statementTimeout = false } = options
  return new CancellingPool(new ConnectionQueue(pool, milliseconds('maxWaitMs', maxWaitMs, 1)), {
    cancelTimeoutMs: milliseconds('cancelTimeoutMs', cancelTimeoutMs, 1),
    statementTimeout: isTrue('statementTimeout', statementTimeout),
    counts: { aborted: 0, destroyed: 0 },
  })
}

function isTrue(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalidOption(name, 'true or false', value)
}

class CancellingPool implements AbortablePool {
  readonly #connections: ConnectionQueue
  readonly #settings: SessionSettings

  constructor(connections: ConnectionQueue, settings: SessionSettings) {
    this.#connections = connections
    this.#settings = settings
  }

  async query<Row>(
    signal: AbortSignal,
    query: string | PgQueryConfig,
    values?: readonly unknown[],
  ): Promise<PgResult<Row>> {
    return this.#withSession(signal, (session) => session.query<Row>(toConfig(query, values)))
  }

  async transaction<T>(signal: AbortSignal, work: (query: PgQuery) => Promise<T>): Promise<T> {
    return this.#withSession(signal, async (session) => {
      await session.control('BEGIN')
      try {
        const result = await work((query, values) => session.query(toConfig(query, values)))
        await commit(session)
        return result
      } catch (error) {
        await session.rollback()
        throw error
      }
    })
  }

  stats(): AbortablePoolStats {
    return { ...this.#settings.counts, waiting: this.#connections.waiting }
  }

  async #withSession<T>(signal: AbortSignal, use: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#connections.take(signal)
    const session = new Session(client, signal, this.#settings)
    try {
      return await use(session)
    } finally {
      await session.close()
    }
  }
}

/** PostgreSQL answers the COMMIT of a failed transaction with a rollback, and no error. */
async function commit(session: Session): Promise<void> {
  const { command } = await session.control('COMMIT')
  if (command === 'ROLLBACK') {
    throw new Error('The transaction was rolled back because a statement in it had failed')
  }
}

function toConfig(query: string | PgQueryConfig, values?: readonly unknown[]): PgQueryConfig {
  const config = typeof query === 'string' ? { text: query } : query
  return values === undefined ? config : { ...config, values: [...values] }
}
