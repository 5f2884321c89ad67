import { invalidOption } from '@spillway/core'
import type { PgQueryConfig } from './types.ts'

const expected =
  'a text or an object { text, values }; a cursor, a stream and whatever else pg submits itself ' +
  'need a connection of their own (pool.connect()), or DECLARE and FETCH in a transaction'

/**
 * A query as pg takes it, from the arguments of a call. The caller's object is left as it is, and may
 * be changed at once: the values are those of now.
 *
 * @throws SPW_ERR_OPTION for what would not answer with a promise: we would take it for ended at once
 */
export function toConfig(
  query: string | PgQueryConfig,
  values: readonly unknown[] | undefined,
): PgQueryConfig {
  if (typeof query === 'string') return { text: query, values: copyOf(values) }
  if (!isConfig(query)) throw invalidOption('query', expected, query)
  const own = { value: copyOf(values ?? query.values), enumerable: true }
  return Object.create(query, { values: own }) as PgQueryConfig
}

/** What is no array is pg's to refuse. */
function copyOf(values: readonly unknown[] | undefined): unknown[] {
  return (Array.isArray(values) ? [...values] : values) as unknown[]
}

function isConfig(query: unknown): boolean {
  if (typeof query !== 'object' || query === null) return false
  const { submit, callback } = query as { readonly submit?: unknown; readonly callback?: unknown }
  return submit === undefined && callback === undefined
}
