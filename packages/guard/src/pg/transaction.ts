import type { LentConnection } from './lent-connection.ts'
import { toConfig } from './statement.ts'
import type { PgQueryConfig } from './types.ts'

/** Sends a statement of the transaction's call; throws when its signal has aborted. */
export type RunStatement = (config: PgQueryConfig) => Promise<unknown>

/**
 * A transaction on one connection. Its statements run one after the other, in the order in which
 * they came; when it has ended, none runs any more.
 */
export class Transaction {
  readonly #connection: LentConnection
  readonly #run: RunStatement
  #last: Promise<unknown> = Promise.resolve()
  #ended = false
  #isRolledBack = false

  constructor(connection: LentConnection, run: RunStatement) {
    this.#connection = connection
    this.#run = run
  }

  query<T>(query: string | PgQueryConfig, values?: readonly unknown[]): Promise<T> {
    const answer = this.#answer<T>(query, values).catch((error: unknown) => {
      // Then it is told to the caller; one that nobody awaits at that time must not end the process.
      if (this.#isRolledBack) answer.catch(() => undefined)
      throw error
    })
    return answer
  }

  /** @throws when a statement had failed: PostgreSQL would answer COMMIT with a rollback, and no error */
  commit(): Promise<unknown> {
    return this.#inTurn(async () => {
      this.#ended = true
      if (this.#connection.transaction === 'failed') {
        throw new Error('The transaction was rolled back because a statement in it had failed')
      }
      // It may have been ended by a statement of its own.
      if (this.#connection.transaction === 'open') await this.#run({ text: 'COMMIT' })
    })
  }

  /** A failure costs the connection, and nothing more: a closed connection is rolled back, too. */
  async rollback(): Promise<void> {
    this.#ended = true
    this.#isRolledBack = true
    await this.#last
    if (this.#connection.transaction === 'none') return
    await this.#connection.rollback().catch(() => undefined)
  }

  async #answer<T>(
    query: string | PgQueryConfig,
    values: readonly unknown[] | undefined,
  ): Promise<T> {
    // Now, and not in its turn: the caller may write something else into its values until then.
    const config = toConfig(query, values)
    return this.#inTurn(() => {
      if (this.#ended) throw new Error('The transaction has ended, this statement comes too late')
      return this.#run(config) as Promise<T>
    })
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}

/** What `work` answers, or the signal's reason as soon as it aborts, whatever `work` waits for. */
export async function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let leave = (): void => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => {
      reject(signal.reason)
    }
  })
  signal.addEventListener('abort', leave)
  try {
    return await Promise.race([work(), aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
