import type { PgClient, PgQueryConfig } from './types.ts'

/**
 * Runs a query that the server itself ends after so many milliseconds, whatever becomes of us. The
 * setting goes in front of the query in the same batch of messages, so it costs no round trip, and it
 * is local to the query's transaction: whoever has the connection next sees nothing of it.
 *
 * Since the two share a transaction, statements that refuse one (VACUUM, CREATE INDEX CONCURRENTLY)
 * fail.
 *
 * @throws whatever pg throws; 57014 (query_canceled) when the time was up
 */
export async function queryWithin(
  client: PgClient,
  config: PgQueryConfig,
  remainingMs: number,
): Promise<unknown> {
  const session = await boundedSession(client)
  const timeout = timeoutSetting(remainingMs, session.ownTimeoutMs)
  if (isSimple(config)) return querySimple(client, config, timeout)
  return queryExtended(client as BatchClient, config, timeout)
}

/** Whether pg lets us in between; not so for pg-native. */
export function canQueryWithin(client: PgClient): boolean {
  const { connection, constructor } = client as Partial<BatchClient>
  return typeof connection?.bind === 'function' && typeof constructor?.Query === 'function'
}

/** Longest `statement_timeout`: a signed 32-bit integer. */
const longestMs = 2_147_483_647

/** Rounded up: our own timer comes first and has the better error. */
function timeoutSetting(remainingMs: number, ownTimeoutMs: number): string {
  const own = ownTimeoutMs > 0 ? ownTimeoutMs : longestMs
  return String(Math.max(Math.min(Math.ceil(remainingMs), own, longestMs), 1))
}

/** What is known of a connection that has been prepared for this. */
interface BoundedSession {
  /** Its own `statement_timeout`, which is never loosened; 0: none. */
  readonly ownTimeoutMs: number
}

const sessions = new WeakMap<PgClient, BoundedSession>()

const preparedName = 'spillway_statement_timeout'
/** Has no rows, so that nothing but a count comes before the query's own answer. */
const preparedText = "select 1 where set_config('statement_timeout', $1, true) is null"
const ownTimeoutText = "select setting::int as ms from pg_settings where name = 'statement_timeout'"

/** Two round trips once in the life of a connection. */
async function boundedSession(client: PgClient): Promise<BoundedSession> {
  const known = sessions.get(client)
  if (known !== undefined) return known
  await client.query({ name: preparedName, text: preparedText, values: ['0'] })
  const answer = await client.query({ text: ownTimeoutText })
  const { rows } = answer as { readonly rows: readonly { readonly ms: number }[] }
  const session = { ownTimeoutMs: rows[0]!.ms }
  sessions.set(client, session)
  return session
}

/** Only statements without values travel in the simple protocol, which takes several at once. */
function isSimple({ name, values, text }: PgQueryConfig): boolean {
  return name === undefined && (values === undefined || values.length === 0) && text !== ''
}

async function querySimple(
  client: PgClient,
  config: PgQueryConfig,
  timeout: string,
): Promise<unknown> {
  const prefix = `select set_config('statement_timeout', '${timeout}', true); `
  try {
    const results = await client.query({ ...config, text: prefix + config.text })
    const [, only, ...more] = results as readonly unknown[]
    return more.length === 0 ? only : [only, ...more]
  } catch (error) {
    throw shiftPosition(error, prefix.length)
  }
}

/** PostgreSQL counts characters of the text that it got. */
function shiftPosition(error: unknown, by: number): unknown {
  const { position } = error as { position?: string }
  if (position !== undefined) (error as { position: string }).position = String(+position - by)
  return error
}

/** The parts of pg's client beneath its types; pg-cursor and pg-query-stream use the same. */
interface BatchClient extends PgClient {
  readonly connection: BatchConnection
  readonly constructor: { readonly Query: new (config: PgQueryConfig) => BatchQuery }
}

interface BatchConnection {
  readonly stream: { cork(): void; uncork(): void }
  readonly parsedStatements: Record<string, string>
  bind(message: { readonly statement: string; readonly values: readonly string[] }): void
  execute(message: { readonly portal?: string }): void
}

interface BatchQuery extends PgQueryConfig {
  callback: (error: unknown, result: unknown) => void
  submit(connection: BatchConnection): unknown
  handleCommandComplete?(...message: unknown[]): void
}

/** Bind and Execute of the setting, then the query's own messages; one Sync ends both. */
function queryExtended(
  client: BatchClient,
  config: PgQueryConfig,
  timeout: string,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const query = new client.constructor.Query(config)
    query.callback = (error, result) => {
      if (error === null) resolve(result)
      else reject(forgetIfDiscarded(client, error))
    }
    const submit = query.submit.bind(query)
    query.submit = (connection) => {
      const { stream } = connection
      stream.cork()
      try {
        connection.bind({ statement: preparedName, values: [timeout] })
        connection.execute({})
        return submit(connection)
      } finally {
        stream.uncork()
      }
    }
    // The first is that of the setting; from then on it is the query's own method again.
    query.handleCommandComplete = () => {
      delete query.handleCommandComplete
    }
    void client.query(query)
  })
}

/** Somebody has discarded the connection's prepared statements; pg still believes in ours. */
function forgetIfDiscarded(client: BatchClient, error: unknown): unknown {
  const { code, message } = error as { readonly code?: unknown; readonly message?: string }
  if (code === invalidStatementName && message?.includes(preparedName) === true) {
    delete client.connection.parsedStatements[preparedName]
    sessions.delete(client)
  }
  return error
}

const invalidStatementName = '26000'
