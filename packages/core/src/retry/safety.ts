import { isSpillwayError } from '../errors.ts'

/** Codes that are raised while a connection is made: no byte of the request has left. */
const neverConnected: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Deeper than any client library wraps; bounds a chain of causes that runs in a circle. */
const maxCauses = 5

interface ErrorLike {
  readonly code?: unknown
  readonly syscall?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/**
 * Whether the error proves that the downstream has not got the request, so that even work that is
 * not idempotent may be tried again: the connection was refused, or its host not found. `fetch`
 * hides such errors in `cause`, Node in an `AggregateError` when a name has several addresses.
 */
export function wasNeverSent(error: unknown, depth: number = maxCauses): boolean {
  if (typeof error !== 'object' || error === null || depth === 0) return false
  const { code, syscall, cause, errors } = error as ErrorLike
  if (neverConnected.has(code) || syscall === 'connect') return true
  if (Array.isArray(errors) && errors.length > 0) {
    return errors.every((one) => wasNeverSent(one, depth - 1))
  }
  return wasNeverSent(cause, depth - 1)
}

/**
 * Whether this process itself said no. Another attempt would only press the limiter or the breaker
 * that has just decided; and what another process refused arrives as a status, not as this error.
 */
export function isLocalRefusal(error: unknown): boolean {
  return isSpillwayError(error)
}
