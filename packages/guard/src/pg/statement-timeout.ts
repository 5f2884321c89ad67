import type { Connection, Query } from './pg-internals.ts'
import { internalsOf } from './pg-internals.ts'
import type { PgClient, PgQueryConfig } from './types.ts'

/**
 * Runs a query that the server itself ends after so many milliseconds, whatever becomes of us. The
 * setting goes in front of the query in the same batch of messages, so it costs no round trip, and it
 * is local to the query's transaction: whoever has the connection next sees nothing of it.
 *
 * For a query that stands alone, and only if {@link canShareTransaction}. A connection that has a
 * looser timeout of its own keeps it for the first query, by which we learn of it.
 *
 * @throws whatever pg throws; 57014 (query_canceled) when the time was up
 */
export function queryWithin(client: PgClient, config: PgQueryConfig, ms: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const internals = internalsOf(client)
    const query = new internals.constructor.Query(config)
    // Read by pg's client, but not taken over by its Query.
    query.query_timeout = (config as { readonly query_timeout?: unknown }).query_timeout
    const first = setting(client, milliseconds(ms))
    skipFirstAnswer(query, (own) => ownTimeouts.set(client, own))
    const failed = query.requiresPreparation()
      ? batch(query, internals.connection, first)
      : prefix(query, first)
    query.callback = (error, result) => {
      if (error === null || error === undefined) resolve(result)
      else reject(failed(error))
    }
    void (internals as unknown as { query(query: Query): unknown }).query(query)
  })
}

/**
 * Whether a statement may share its transaction with another in front of it: what reads or writes rows
 * may. What says how transactions are to be (BEGIN, SET), and what refuses to be in one or ends one of
 * its own (VACUUM, CALL, DO), may not.
 */
export function canShareTransaction({ text }: PgQueryConfig): boolean {
  return rowStatements.has(firstWord(text))
}

const rowStatements: ReadonlySet<string> = new Set([
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'with',
  'values',
  'table',
])

/** Lower case; after blanks, parentheses and comments. */
function firstWord(text: string): string {
  const start = /^(?:[\s(]|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*([a-z]+)\b/i.exec(text)
  return start?.[1]!.toLowerCase() ?? ''
}

/**
 * Begins a transaction whose statements the server ends after so many milliseconds each. Neither
 * SHOW nor SET is a query to PostgreSQL, so SET TRANSACTION may still be the first statement.
 */
export async function beginWithin(
  run: (config: PgQueryConfig) => Promise<unknown>,
  ms: number,
): Promise<void> {
  const setLocal = 'set local statement_timeout ='
  const answer = await run({
    text: `begin; show statement_timeout; ${setLocal} ${milliseconds(ms)}`,
  })
  const [, shown] = answer as { readonly rows: { readonly statement_timeout: string }[] }[]
  const own = shown!.rows[0]!.statement_timeout
  // Rare: the connection has a tighter one of its own, which is not ours to loosen.
  if (isTighter(own, milliseconds(ms))) await run({ text: `${setLocal} '${own}'` })
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** PostgreSQL shows a duration in the largest unit in which it is whole; `0` is none. */
function isTighter(own: string, ms: number): boolean {
  const [, count, unit] = /^(\d+)(\D+)$/.exec(own) ?? []
  return unit !== undefined && Number(count) * unitMs[unit]! < ms
}

/** Longest `statement_timeout`: a signed 32-bit integer. */
const longestMs = 2_147_483_647

/** Rounded up: our own timer comes first and has the better error. */
function milliseconds(remainingMs: number): number {
  return Math.max(Math.min(Math.ceil(remainingMs), longestMs), 1)
}

/** `statement_timeout` of the connections that have one of their own. */
const ownTimeouts = new WeakMap<PgClient, string>()

/**
 * The server looks what the connection has, and says so if that is one that we do not know and so may
 * not replace. Comparing texts is the cheapest way: to compute the tighter of the two costs as much as
 * a lookup by key.
 */
function setting(client: PgClient, ms: number): string {
  const own = ownTimeouts.get(client)
  const looser = own === undefined || isTighter(own, ms) ? '' : `, '${own}'`
  const current = "current_setting('statement_timeout')"
  const set = `left(set_config('statement_timeout', '${ms}', true), 0)`
  return `select case when ${current} in ('0'${looser}) then ${set} else ${current} end`
}

/** The first command's answer is that of the setting; then come the query's own. */
function skipFirstAnswer(query: Query, learn: (own: string) => void): void {
  const { name } = query
  query.handleRowDescription = () => undefined
  query.handleDataRow = ({ fields: [own] }) => {
    if (typeof own === 'string' && own !== '') learn(own)
  }
  query.handleCommandComplete = () => {
    delete query.handleRowDescription
    delete query.handleDataRow
    delete query.handleCommandComplete
    query.name = name
  }
}

/** What becomes of the query's error. */
type Failed = (error: unknown) => unknown

/** In the simple protocol a text may be several statements. */
function prefix(query: Query, first: string): Failed {
  query.text = `${first}; ${query.text}`
  return (error) => shiftPosition(error, first.length + 2)
}

/** In the extended protocol a batch of messages ends with the query's own Sync. */
function batch(query: Query, connection: Connection, first: string): Failed {
  const { name } = query
  const prepare = query.prepare.bind(query)
  query.prepare = () => {
    connection.parse({ text: first })
    connection.bind({ values: [] })
    connection.execute({})
    prepare(connection)
    // Until our answer is over: pg takes a ParseComplete for that of the query if it has a name.
    query.name = undefined
  }
  return (error) => {
    // Before its turn the query's own Parse was skipped, and pg did not know the name to forget.
    if (query.name !== name) delete connection.submittedNamedStatements?.[name!]
    return error
  }
}

/** PostgreSQL counts characters of the text that it got. */
function shiftPosition(error: unknown, by: number): unknown {
  const { position } = error as { position?: string }
  if (position !== undefined) (error as { position: string }).position = String(+position - by)
  return error
}
