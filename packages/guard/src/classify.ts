import type { Outcome } from '@spillway/core'
import { isSpillwayError } from '@spillway/core'

/** The `reason` of an error that says: the client library's own pool had nothing free in time. */
export const poolExhausted = 'pool_exhausted'

/** Codes by which a downstream, or the way to it, says that it is overloaded. */
const overloaded: ReadonlySet<unknown> = new Set([
  // PostgreSQL, appendix A: statement_timeout, out of resources, memory, connections; lock_timeout
  '57014',
  '53000',
  '53200',
  '53300',
  '53400',
  '55P03',
  // Node and undici: no answer in time
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/** Codes of a downstream that is not there: a breaker's evidence, and none about load. */
const unreachable: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'UND_ERR_SOCKET',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  // PostgreSQL: shutting down, starting up, connection lost
  '57P01',
  '57P02',
  '57P03',
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
])

/** Too many requests, unavailable, gateway timeout. */
const overloadStatuses: ReadonlySet<unknown> = new Set([429, 503, 504])

/** What pg and pg-pool say without a code. */
const overloadMessages: ReadonlySet<unknown> = new Set([
  'timeout exceeded when trying to connect',
  'Connection terminated due to connection timeout',
  'Query read timeout',
])

/** `fetch failed` has the code in its cause, sometimes one deeper. */
const causeDepth = 3

interface ErrorLike {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly status?: unknown
  readonly statusCode?: unknown
  readonly cause?: unknown
}

/**
 * What a rejected call tells the limit. An error that nobody here knows was made by the downstream's
 * answer (a 404, a unique violation): it did answer, its latency counts.
 */
export function classifyError(error: unknown): Outcome {
  let link: unknown = error
  for (let depth = 0; depth < causeDepth && isErrorLike(link); depth += 1) {
    const outcome = classifyOne(link)
    if (outcome !== undefined) return outcome
    link = link.cause
  }
  return isProgrammingError(error) ? 'ignored' : 'success'
}

function classifyOne(error: ErrorLike): Outcome | undefined {
  if (isSpillwayError(error)) return error.reason === poolExhausted ? 'dropped' : 'ignored'
  if (isOverload(error)) return 'dropped'
  if (unreachable.has(error.code) || error.name === 'AbortError') return 'ignored'
  return undefined
}

function isOverload(error: ErrorLike): boolean {
  return (
    overloaded.has(error.code) ||
    error.name === 'TimeoutError' ||
    isOverloadStatus(error.statusCode ?? error.status) ||
    overloadMessages.has(error.message)
  )
}

/** Whether an HTTP answer means: too much at present. */
export function isOverloadStatus(status: unknown): boolean {
  return overloadStatuses.has(status)
}

/** A mistake in our own process; most likely nothing was asked of the downstream. */
function isProgrammingError(error: unknown): boolean {
  return (
    error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
  )
}

function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === 'object' && value !== null
}
