import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { invalidOption } from '@spillway/core'
import type { PgClient, PgPool, PgQueryConfig } from './types.ts'

/**
 * What pg's client has beneath its types. pg-cursor and pg-query-stream build on the same, and
 * {@link expectPgPool} looks whether it is there.
 */
export interface ClientInternals extends PgClient {
  /** False from the moment a statement is sent until the server is ready for the next one. */
  readonly readyForQuery?: boolean
  readonly connection: Connection
  readonly host?: string | null
  readonly port?: number
  readonly ssl?: boolean | ConnectionOptions
  readonly sslNegotiation?: string
  readonly processID?: number | null
  readonly secretKey?: number | null
  readonly constructor: ClientClass
  /** How often it has been given back to its pool. */
  readonly _poolUseCount?: number
}

interface ClientClass {
  readonly Query: new (config: PgQueryConfig) => Query
}

/** The protocol beneath the client; `pg.Connection`. */
export interface Connection {
  readonly stream: Duplex & { readonly remoteAddress?: string }
  readonly submittedNamedStatements?: Record<string, string>
  readonly constructor: new (config: ConnectionConfig) => Connection
  connect(port: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
  parse(message: { readonly text: string }): void
  bind(message: { readonly values: readonly string[] }): void
  execute(message: object): void
  on(event: 'connect' | 'sslconnect' | 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

interface ConnectionConfig {
  readonly stream?: MakeStream | undefined
  readonly ssl?: boolean | ConnectionOptions | undefined
  readonly sslNegotiation?: string | undefined
}

/** pg's option `stream`. */
export type MakeStream = () => Duplex

export interface Query {
  text: string
  name: string | undefined
  query_timeout?: unknown
  callback: (error: unknown, result: unknown) => void
  /** Whether it travels in the extended protocol. */
  requiresPreparation(): boolean
  /** Sends it in the extended protocol, up to its Sync; called only if it can be sent. */
  prepare(connection: Connection): void
  handleRowDescription?(): void
  handleDataRow?(message: { readonly fields: readonly unknown[] }): void
  handleCommandComplete?(): void
}

export function internalsOf(client: PgClient): ClientInternals {
  return client as ClientInternals
}

interface PoolInternals {
  readonly waitingCount?: unknown
  readonly Client?: {
    readonly prototype?: object
    readonly Query?: { readonly prototype?: object }
  }
  readonly options?: { readonly stream?: unknown }
}

/** @throws SPW_ERR_OPTION for a pool whose connections could be neither cancelled nor judged */
export function expectPgPool(pool: PgPool): void {
  const { Client, waitingCount } = (pool ?? {}) as PoolInternals
  const knowsTransactions = hasMethod(Client?.prototype, 'getTransactionStatus')
  const speaksProtocol = hasMethod(Client?.Query?.prototype, 'requiresPreparation')
  if (knowsTransactions && speaksProtocol && typeof waitingCount === 'number') return
  throw invalidOption('pool', 'a Pool of pg 8.21 or newer, and not of pg.native', pool)
}

function hasMethod(prototype: object | undefined, name: string): boolean {
  return typeof (prototype as Record<string, unknown> | undefined)?.[name] === 'function'
}

/**
 * How the pool makes its streams, undefined for pg's own way.
 *
 * @throws SPW_ERR_OPTION for a single stream: it cannot be opened once more for a cancel
 */
export function streamOption(pool: PgPool): MakeStream | undefined {
  const stream = (pool as PoolInternals).options?.stream
  if (stream === undefined || stream === null) return undefined
  if (typeof stream === 'function') return stream as MakeStream
  throw invalidOption('pool.options.stream', 'a function that makes a stream', stream)
}
