import type { Pool } from 'pg'

/** How one service asks its database. */
export interface Client {
  /**
   * One query for a caller that waits for `patienceMs`.
   *
   * @param onSent called when the query is handed to the pool; never, for a call that is refused
   */
  ask(onSent: () => void): Promise<unknown>
  close(): void
}

export interface Contestant {
  readonly name: string
  makeClient(pool: Pool, patienceMs: number): Client
}

/** Holds a connection for so long without using the CPU. */
export const sql = 'select pg_sleep(0.02)'

/** For whoever cannot cancel a query: pg's own timer, which gives it up and closes its connection. */
export function queryOf(pool: Pool, patienceMs: number): (onSent: () => void) => Promise<unknown> {
  const query = { text: sql, query_timeout: patienceMs }
  return async (onSent) => {
    onSent()
    return pool.query(query)
  }
}
