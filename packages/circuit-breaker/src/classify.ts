import { callerDeadline, isSpillwayError } from '@spillway/core'
import type { BreakerOutcome } from './breaker.ts'
import type { IsFailure } from './options.ts'

interface ErrorLike {
  readonly name?: unknown
  readonly code?: unknown
  readonly status?: unknown
  readonly statusCode?: unknown
  readonly cause?: unknown
}

/** A timeout, or too many requests: said of the server, not of the request. */
const serverSideStatuses: ReadonlySet<unknown> = new Set([408, 429])

/**
 * SQLSTATE classes by which PostgreSQL says that it, and not the statement, is in trouble (appendix A):
 * connection exception, insufficient resources, operator intervention, system error, internal error.
 */
const failedSqlClasses: ReadonlySet<string> = new Set(['08', '53', '57', '58', 'XX'])

/** Five characters with a digit among them: `EPIPE` is none. */
const sqlState = /^(?=.*\d)[0-9A-Z]{5}$/

/**
 * What a rejected call tells about the downstream. `success`: it is there and answered, though not as
 * the caller had hoped (a 404, a unique violation). `ignored`: it was not asked, or not to the end (a
 * refusal of ours, a caller that left, a mistake in our own code). `failure`: anything else.
 */
export function classifyFailure(error: unknown): BreakerOutcome {
  if (isSpillwayError(error)) {
    // Refusals are made here, and prove nothing; a call that took too long was made there.
    const isTooSlow = error.code === 'SPW_ERR_CALL_TIMEOUT' && error.reason !== callerDeadline
    return isTooSlow ? 'failure' : 'ignored'
  }
  if (!isErrorLike(error)) return 'failure'
  if (isAnswer(error)) return 'success'
  return error.name === 'AbortError' || isMistake(error) ? 'ignored' : 'failure'
}

/** `classifyFailure`, unless `isFailure` knows better. */
export function classify(error: unknown, isFailure: IsFailure): BreakerOutcome {
  const known = isFailure(error)
  if (known === undefined) return classifyFailure(error)
  return known ? 'failure' : 'ignored'
}

function isAnswer({ statusCode, status, code }: ErrorLike): boolean {
  const answered = statusCode ?? status
  if (typeof answered === 'number' && answered >= 400 && answered < 500) {
    return !serverSideStatuses.has(answered)
  }
  return typeof code === 'string' && sqlState.test(code) && !failedSqlClasses.has(code.slice(0, 2))
}

/** Undici says `TypeError: fetch failed`, but with a cause. */
function isMistake(error: ErrorLike): boolean {
  if (error.cause !== undefined) return false
  return (
    error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
  )
}

function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === 'object' && value !== null
}
