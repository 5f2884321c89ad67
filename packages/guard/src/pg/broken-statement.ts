import type { PgQueryConfig } from './types.ts'

/**
 * Whether a statement that failed makes others fail that come after it on the same connection, so that
 * it must be closed, as `pool.query` closes it after every failure.
 */
export function breaksConnection(config: PgQueryConfig, error: unknown): boolean {
  // pg asks for the rows in parts, and when one of them fails does not say that it is done: the server
  // waits for that, and is never ready again.
  const { name, rows } = config as PgQueryConfig & { readonly rows?: unknown }
  if (isSet(rows)) return true
  return isSet(name) && disagrees(error)
}

/** As pg sees it. */
function isSet(option: unknown): boolean {
  return Boolean(option)
}

/**
 * Whether client and server may disagree about what is prepared: pg goes on taking a statement for
 * prepared that the server has forgotten, that does not fit its table any more, or that pg itself has
 * closed because a value could not be written. What the server says of one that it has executed, such
 * as a unique violation, tells of no such thing.
 */
function disagrees(error: unknown): boolean {
  const { code, severity } = (error ?? {}) as {
    readonly code?: unknown
    readonly severity?: unknown
  }
  return severity === undefined || aboutPreparing.has(code)
}

/**
 * invalid_sql_statement_name, duplicate_prepared_statement, and the code of "cached plan must not change
 * result type", feature_not_supported.
 */
const aboutPreparing: ReadonlySet<unknown> = new Set(['26000', '42P05', '0A000'])
