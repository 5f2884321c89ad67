/**
 * The parts of pg that are used here, as structure: no dependency on its version or its types. A
 * `Pool` of pg fits.
 */
export interface PgPool {
  connect(): Promise<PgClient>
}

/** A checked-out connection. */
export interface PgClient {
  query(config: PgQueryConfig): Promise<unknown>
  /** `true` closes the connection instead of keeping it. */
  release(destroy?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
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
