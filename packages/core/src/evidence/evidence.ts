import { callerDeadline, isSpillwayError } from '../errors.ts'
import type { SpillwayError } from '../errors.ts'
import type { ErrorLike } from './causes.ts'
import { signInCauses } from './causes.ts'
import {
  abortWords,
  brokenPeer,
  codes,
  evidenceOfSqlState,
  evidenceOfStatus,
  grpcStatuses,
  messages,
  names,
} from './signs.ts'

/** What a rejected call says about the downstream. Limit, breaker and throttle all follow from it. */
export type Evidence =
  /** it is there and did its part, though not as hoped: a 404, a unique violation, any error unknown here */
  | 'answered'
  /** something of it waited or ran too long: a lock, a statement, a pool. About load, and only that */
  | 'congested'
  /** it says that it has no room: a 503, too many connections */
  | 'overloaded'
  /** nothing came back in time */
  | 'timed_out'
  /** it says that it is broken: a 500, an internal error */
  | 'failed'
  /** it is gone, or the way to it: a connection refused or lost, no such host */
  | 'unreachable'
  /** no question reached it, or nobody waited for the answer: a refusal of ours, a caller that left */
  | 'not_asked'

/** The `reason` of an error that says: the client library's own pool had nothing free in time. */
export const poolExhausted = 'pool_exhausted'

/**
 * What an error says about the downstream, by the outermost of its causes that says anything. One
 * that nobody here knows was made by an answer, or by our own code about an answer.
 */
export function evidenceOf(error: unknown): Evidence {
  return signOf(error) ?? 'answered'
}

/** The same, and undefined for an error that nobody here knows. */
export function signOf(error: unknown): Evidence | undefined {
  try {
    // An abort says why in its cause, if at all: often a timeout.
    return signInCauses(error, signOfOne) ?? signInCauses(error, signOfAbort)
  } catch {
    // Whatever is rejected with comes here, also what cannot be looked at. A permit must come back.
    return undefined
  }
}

/** Whether it speaks against the downstream: gone, broken, or with no room. */
export function isFailing(evidence: Evidence): boolean {
  return failing.has(evidence)
}

const failing: ReadonlySet<Evidence> = new Set(['overloaded', 'timed_out', 'failed', 'unreachable'])

function signOfOne(error: ErrorLike): Evidence | undefined {
  if (isSpillwayError(error)) return signOfOurs(error)
  const { code, name, message } = error
  const known = codes.get(code) ?? names.get(name) ?? messages.get(message)
  return known ?? signOfStatus(error) ?? signOfPostgres(error) ?? signOfPeer(error)
}

/** A code of five characters may be anybody's; that of PostgreSQL comes with a severity. */
function signOfPostgres({ code, severity }: ErrorLike): Evidence | undefined {
  return typeof severity === 'string' ? evidenceOfSqlState(code) : undefined
}

/** Refusals are made here and prove nothing; a call that took too long was made there. */
function signOfOurs({ code, reason }: SpillwayError): Evidence {
  if (reason === callerDeadline) return 'not_asked'
  if (code === 'SPW_ERR_CALL_TIMEOUT') return 'timed_out'
  return reason === poolExhausted ? 'congested' : 'not_asked'
}

function signOfPeer({ code, syscall }: ErrorLike): Evidence | undefined {
  const isBroken = syscall === 'connect' || (typeof code === 'string' && brokenPeer.test(code))
  return isBroken ? 'unreachable' : undefined
}

function signOfAbort({ name, code }: ErrorLike): Evidence | undefined {
  return abortWords.has(name) || abortWords.has(code) ? 'not_asked' : undefined
}

/**
 * Whether somebody has made it to be answered with, by `@fastify/error` or `http-errors`, and did not
 * say more than that it is an error: 500 is what both give it then. Nobody else has answered so.
 */
function isToBeAnswered({ name, expose, statusCode }: Answered & ErrorLike): boolean {
  return statusCode === 500 && (name === 'FastifyError' || typeof expose === 'boolean')
}

/** Where HTTP clients put the status of an answer; gRPC's own codes are known by their company. */
interface Answered {
  readonly statusCode?: unknown
  readonly status?: unknown
  readonly response?: { readonly statusCode?: unknown; readonly status?: unknown } | null
  readonly $metadata?: { readonly httpStatusCode?: unknown } | null
  readonly code?: unknown
  readonly details?: unknown
  readonly metadata?: unknown
  readonly expose?: unknown
}

function signOfStatus(error: Answered): Evidence | undefined {
  const { statusCode, status, response, $metadata, code, details, metadata } = error
  if (isToBeAnswered(error)) return undefined
  const answers = [
    statusCode,
    status,
    response?.statusCode,
    response?.status,
    $metadata?.httpStatusCode,
  ]
  const answer = answers.find((one) => typeof one === 'number' && one >= 400)
  if (answer !== undefined) return evidenceOfStatus(answer as number)
  return details !== undefined && metadata !== undefined ? grpcStatuses.get(code) : undefined
}
