import { isSpillwayError } from '../errors.ts'
import { signInCauses } from '../evidence/causes.ts'
import { neverConnected } from '../evidence/signs.ts'

/**
 * Whether the error proves that the downstream has not got the request, so that even work that is
 * not idempotent may be tried again: the connection was refused, or its host not found.
 */
export function wasNeverSent(error: unknown): boolean {
  const isConnecting = signInCauses(error, ({ code, syscall }) =>
    neverConnected.has(code) || syscall === 'connect' ? true : undefined,
  )
  return isConnecting ?? false
}

/**
 * Whether this process itself said no. Another attempt would only press the limiter or the breaker
 * that has just decided; and what another process refused arrives as a status, not as this error.
 */
export function isLocalRefusal(error: unknown): boolean {
  return isSpillwayError(error)
}
