/**
 * The parts of pg that are used here, as structure: no dependency on its version or its types. A
 * `Pool` of pg fits.
 */
export interface PgPool {
  /** With a callback, which is told of a connection in the moment it is lent. */
  connect(callback: (error: Error | undefined, client: PgClient | undefined) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  /** Requests for a connection for which none is free and none is being opened. */
  readonly waitingCount: number
}

/** I: none, T: open, E: failed, null: not known yet. */
export type TransactionStatus = 'I' | 'T' | 'E' | null

/** A checked-out connection. */
export interface PgClient {
  query(config: PgQueryConfig): Promise<unknown>
  /** An error closes the connection instead of keeping it, and is told to those who watch the pool. */
  release(destroy?: Error): void
  /** As of the last time that the server was ready for a statement. */
  getTransactionStatus(): TransactionStatus
  on(event: 'error' | 'drain', listener: (error: Error) => void): unknown
  removeListener(event: 'error' | 'drain', listener: (error: Error) => void): unknown
}

/** A query as pg takes it: a statement with its values, perhaps prepared under a name. */
export interface PgQueryConfig {
  readonly text: string
  readonly values?: unknown[]
  /** Prepares the statement once per connection. */
  readonly name?: string
}

/** What pg answers. */
export interface PgResult<Row> {
  readonly rows: Row[]
  /** Null for statements that count nothing. */
  readonly rowCount: number | null
  readonly command: string
}
