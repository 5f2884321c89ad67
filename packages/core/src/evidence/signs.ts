import type { Evidence } from './evidence.ts'

/** Which evidence each of these words is. */
type Table = ReadonlyMap<unknown, Evidence>

function tableOf(rows: Partial<Record<Evidence, readonly unknown[]>>): Table {
  const entries = Object.entries(rows) as [Evidence, readonly unknown[]][]
  return new Map(entries.flatMap(([evidence, words]) => words.map((word) => [word, evidence])))
}

/** Raised while a connection is made: no byte of the request has left. */
export const neverConnected: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Values of `code`. */
export const codes: Table = tableOf({
  unreachable: [
    // Node: refused, lost, unreachable, broken off
    'ECONNREFUSED',
    'ECONNRESET',
    'ECONNABORTED',
    'EPIPE',
    'EPROTO',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EAI_FAIL',
    'EHOSTUNREACH',
    'EHOSTDOWN',
    'ENETUNREACH',
    'ENETDOWN',
    'ENETRESET',
    'ERR_STREAM_PREMATURE_CLOSE',
    'ERR_HTTP2_GOAWAY_SESSION',
    'ERR_HTTP2_SESSION_ERROR',
    'ERR_HTTP2_STREAM_ERROR',
    // Node: certificates, beside those of the prefixes below
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'HOSTNAME_MISMATCH',
    // undici, axios
    'UND_ERR_SOCKET',
    'UND_ERR_CLOSED',
    'UND_ERR_DESTROYED',
    'UND_ERR_PRX_CONN',
    'UND_ERR_PRX_TLS',
    'ERR_NETWORK',
    // Our own pool: PostgreSQL's connection_failure
    '08006',
    // MySQL clients, Prisma
    'PROTOCOL_CONNECTION_LOST',
    'ER_SERVER_SHUTDOWN',
    'P1001',
    'P1017',
  ],
  timed_out: [
    'ETIMEDOUT',
    'ESOCKETTIMEDOUT',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
    'PROTOCOL_SEQUENCE_TIMEOUT',
    'P1002',
    'P1008',
  ],
  overloaded: [
    // PostgreSQL: out of resources, memory, connections; a configured limit
    '53000',
    '53200',
    '53300',
    '53400',
    // MySQL: too many connections
    'ER_CON_COUNT_ERROR',
    'ER_TOO_MANY_USER_CONNECTIONS',
    // Prisma: no connection of its pool in time
    'P2024',
  ],
  congested: [
    // PostgreSQL: statement_timeout, which has the code of every cancel; lock_timeout
    '57014',
    '55P03',
  ],
})

/** Beginnings of the codes of TLS, of certificates and of the HTTP parser. */
export const brokenPeer: RegExp = /^(?:CERT_|CRL_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|HPE_)/

/** Values of `name`. */
export const names: Table = tableOf({
  unreachable: [
    'MongoNetworkError',
    'MongoServerSelectionError',
    'MaxRetriesPerRequestError',
    'SequelizeConnectionError',
    'SequelizeConnectionRefusedError',
    'SequelizeHostNotFoundError',
  ],
  timed_out: ['TimeoutError', 'MongoNetworkTimeoutError', 'SequelizeConnectionTimedOutError'],
  // No connection of the client's own pool: it is full, or the server does not accept any.
  overloaded: [
    'MongoWaitQueueTimeoutError',
    'SequelizeConnectionAcquireTimeoutError',
    'KnexTimeoutError',
  ],
})

/** What pg, pg-pool and the Redis clients say without a code. */
export const messages: Table = tableOf({
  unreachable: [
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'Connection is closed.',
    'Socket closed unexpectedly',
  ],
  timed_out: ['Query read timeout', 'timeout expired', 'Command timed out', 'Connection timeout'],
  overloaded: [
    'timeout exceeded when trying to connect',
    'Connection terminated due to connection timeout',
  ],
})

/** What an error is called that was raised because a signal aborted. */
export const abortWords: ReadonlySet<unknown> = new Set([
  'AbortError',
  'ABORT_ERR',
  'UND_ERR_ABORTED',
  'ERR_CANCELED',
])

/** Too many requests, a timeout, or no room: said of the server, not of the request. */
const overloadStatuses: ReadonlySet<number> = new Set([408, 429, 503, 504])

/** What an HTTP answer says about the server that gave it. */
export function evidenceOfStatus(status: number): Evidence {
  if (overloadStatuses.has(status)) return 'overloaded'
  return status >= 500 && status <= 599 ? 'failed' : 'answered'
}

/**
 * Classes by which PostgreSQL says that it, and not the statement, is in trouble (appendix A):
 * connection exception, insufficient resources, operator intervention, system error, internal error.
 */
const sqlClasses: Table = tableOf({ unreachable: ['08', '57'], failed: ['53', '58', 'XX'] })

/** Five characters with a digit among them: `EPIPE` is none. */
const sqlState = /^(?=.*\d)[0-9A-Z]{5}$/

/** Undefined for what is no SQLSTATE. */
export function evidenceOfSqlState(code: unknown): Evidence | undefined {
  if (typeof code !== 'string' || !sqlState.test(code)) return undefined
  return sqlClasses.get(code.slice(0, 2)) ?? 'answered'
}

/** gRPC status codes: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, … */
export const grpcStatuses: Table = tableOf({
  not_asked: [1],
  failed: [2, 13, 15],
  unreachable: [14],
  timed_out: [4],
  overloaded: [8],
})
