import type { RetryDecision } from '@spillway/core'
import {
  decideRetry,
  delayBeforeRetry,
  evidenceOfStatus,
  isLocalRefusal,
  parseRetryAfter,
  retryHeader,
  wasNeverSent,
} from '@spillway/core'
import type { Dispatcher } from 'undici'
import { hasHeader } from './headers.ts'
import type { ParsedOptions } from './options.ts'

/** RFC 9110, 9.2.2. */
const idempotentMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
])

/** The downstream is short of capacity, or somebody between cannot reach it. */
const retryableStatuses: ReadonlySet<unknown> = new Set([429, 502, 503, 504])

/** The connection broke; whether the request was worked on is not known. */
const brokenConnection: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** What is known of a failed attempt: an error, or an answer's status and headers. */
export interface Failure {
  readonly code?: unknown
  readonly statusCode?: number
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

/** The request as far as the decision goes. */
export interface RequestState {
  readonly request: Dispatcher.DispatchOptions
  /** Number of the attempt that has failed, from 1. */
  readonly attempt: number
  /** The body would be the same bytes. */
  readonly canSendAgain: boolean
  readonly remainingMs: number
}

/** Whoever answers is well, somebody behind it is not. */
const gatewayStatuses: ReadonlySet<unknown> = new Set([502, 504])

/**
 * Whether the answer says that the origin itself is well. A service of ours that passes
 * on the failure of the next one (502 or 504 that is not to be tried again) is well: throttles that
 * believed otherwise would multiply along the chain, and nobody would learn of the recovery.
 */
export function isAccepted(statusCode: number, headers: Failure['headers']): boolean {
  if (headers?.[retryHeader] === 'no' && gatewayStatuses.has(statusCode)) return true
  return evidenceOfStatus(statusCode) === 'answered'
}

/** Whether a request that failed may and should be sent again; budget and throttle come after. */
export function decideRequest(
  failure: Failure,
  state: RequestState,
  options: ParsedOptions,
): RetryDecision {
  const retryAfterMs = parseRetryAfter(failure.headers?.['retry-after'], options.clock)
  return decideRetry({
    isLocalRefusal: isLocalRefusal(failure),
    attempt: state.attempt,
    maxAttempts: options.maxAttempts,
    isSafe: state.canSendAgain && isSafe(failure, state.request),
    isRetryable: isRetryable(failure),
    delayMs: delayBeforeRetry(state.attempt, options, options.random(), retryAfterMs),
    retryAfterMs,
    // The deadline is the bound.
    maxRetryAfterMs: Infinity,
    remainingMs: state.remainingMs,
  })
}

function isSafe(failure: Failure, { method, headers }: Dispatcher.DispatchOptions): boolean {
  if (idempotentMethods.has(method) || hasHeader(headers, 'idempotency-key')) return true
  return wasNeverSent(failure)
}

function isRetryable(failure: Failure): boolean {
  if (failure.statusCode === undefined) {
    return wasNeverSent(failure) || brokenConnection.has(failure.code)
  }
  if (failure.headers?.[retryHeader] === 'no') return false
  return retryableStatuses.has(failure.statusCode)
}
