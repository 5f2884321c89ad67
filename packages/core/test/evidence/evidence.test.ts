import type { Evidence } from '@spillway/core'
import {
  callerDeadline,
  evidenceOf,
  evidenceOfStatus,
  leftAtCallerDeadline,
  leftAtDeadline,
  poolExhausted,
  signOf,
  SpillwayError,
} from '@spillway/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const coded = (code: unknown, more: object = {}): Error =>
  Object.assign(new Error('x'), { code, ...more })
const named = (name: string): Error => Object.assign(new Error('x'), { name })
const postgres = (code: string, more: object = {}): Error =>
  coded(code, { severity: 'ERROR', ...more })
const fastifyError = (statusCode: number): Error =>
  coded('ERR_SOLD_OUT', { name: 'FastifyError', statusCode })
const caused = (cause: unknown): Error => new Error('outer', { cause })
const timeout = new DOMException('x', 'TimeoutError')
const refused = coded('ECONNREFUSED')

/** Whatever our own code, or an answer, may be turned into. */
const answered: [string, unknown][] = [
  ['an ordinary error', new Error('no such item')],
  ['a class of one’s own', new (class NotFound extends Error {})()],
  ['a mistake of ours', new TypeError('x is not a function')],
  ['another', new ReferenceError('x')],
  ['a third', new RangeError('x')],
  ['an answer that is no JSON', new SyntaxError('x')],
  ['a string', 'no'],
  ['nothing', undefined],
  ['null', null],
  ['a number', 503],
  ['a failed validation', coded('FST_ERR_VALIDATION', { statusCode: 400 })],
  ['a code that is no sign', coded('ERR_INVALID_ARG_TYPE')],
  ['a file that is not there', coded('ENOENT', { syscall: 'open' })],
  ['a 404', coded(undefined, { statusCode: 404 })],
  ['a 409 called status', coded(undefined, { status: 409 })],
  ['a 422 of a response', coded('ERR_BAD_REQUEST', { response: { status: 422 } })],
  ['a status in words', coded(undefined, { statusCode: '503' })],
  ['a status that is no error', coded(undefined, { statusCode: 204 })],
  ['a unique violation', postgres('23505')],
  ['bad input for a type', postgres('22P02')],
  ['a deadlock', postgres('40P01')],
  ['a raised exception', postgres('P0001')],
  ['a gRPC NOT_FOUND', coded(5, { details: '', metadata: {} })],
  ['a number that is no gRPC code', coded(14)],
  ['a code of one’s own that looks like PostgreSQL’s', coded('57001')],
  ['another', coded('XX123')],
  ['Fastify’s error with the status it has by default', fastifyError(500)],
  ['an error of http-errors', coded(undefined, { statusCode: 500, status: 500, expose: false })],
]

const telling: [string, unknown, Evidence][] = [
  ['a refused connection', refused, 'unreachable'],
  ['a reset one', coded('ECONNRESET'), 'unreachable'],
  ['a broken pipe', coded('EPIPE'), 'unreachable'],
  ['a host without an address', coded('ENOTFOUND'), 'unreachable'],
  ['a resolver that is down', coded('EAI_AGAIN'), 'unreachable'],
  ['a socket file that is not there', coded('ENOENT', { syscall: 'connect' }), 'unreachable'],
  ['an expired certificate', coded('CERT_HAS_EXPIRED'), 'unreachable'],
  ['another name in it', coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'unreachable'],
  ['no HTTP', coded('HPE_INVALID_CONSTANT'), 'unreachable'],
  ['undici’s broken socket', coded('UND_ERR_SOCKET'), 'unreachable'],
  ['pg’s lost connection', new Error('Connection terminated unexpectedly'), 'unreachable'],
  ['PostgreSQL that shuts down', postgres('57P01'), 'unreachable'],
  ['PostgreSQL that starts up', postgres('57P03'), 'unreachable'],
  ['a lost connection', coded('08006'), 'unreachable'],
  ['gRPC UNAVAILABLE', coded(14, { details: '', metadata: {} }), 'unreachable'],
  ['AbortSignal.timeout', timeout, 'timed_out'],
  ['Node’s timeout', coded('ETIMEDOUT', { syscall: 'connect' }), 'timed_out'],
  ['undici, no connection', coded('UND_ERR_CONNECT_TIMEOUT'), 'timed_out'],
  ['undici, no headers', coded('UND_ERR_HEADERS_TIMEOUT'), 'timed_out'],
  ['undici, no body', coded('UND_ERR_BODY_TIMEOUT'), 'timed_out'],
  ['a call of ours', new SpillwayError('SPW_ERR_CALL_TIMEOUT'), 'timed_out'],
  ['a 500', coded(undefined, { statusCode: 500 }), 'failed'],
  ['a 502 called status', coded(undefined, { status: 502 }), 'failed'],
  ['a 502 that is to be answered', fastifyError(502), 'failed'],
  [
    'a 503 that is',
    coded(undefined, { statusCode: 503, status: 503, expose: false }),
    'overloaded',
  ],
  ['a 500 of a response', coded('ERR_BAD_RESPONSE', { response: { statusCode: 500 } }), 'failed'],
  ['a 500 of an SDK', coded(undefined, { $metadata: { httpStatusCode: 500 } }), 'failed'],
  ['an internal error', postgres('XX000'), 'failed'],
  ['a full disk', postgres('53100'), 'failed'],
  ['an error of its system', postgres('58030'), 'failed'],
  ['a 503', coded(undefined, { statusCode: 503 }), 'overloaded'],
  ['a 504', coded(undefined, { statusCode: 504 }), 'overloaded'],
  ['a 429', coded(undefined, { statusCode: 429 }), 'overloaded'],
  ['a 408', coded(undefined, { statusCode: 408 }), 'overloaded'],
  ['too many connections', coded('53300'), 'overloaded'],
  ['pg-pool without one', new Error('timeout exceeded when trying to connect'), 'overloaded'],
  ['statement_timeout, or a cancel', coded('57014'), 'congested'],
  ['lock_timeout', coded('55P03'), 'congested'],
  [
    'our own pool',
    new SpillwayError('SPW_ERR_QUEUE_TIMEOUT', { reason: poolExhausted }),
    'congested',
  ],
  ['an abort', new DOMException('x', 'AbortError'), 'not_asked'],
  ['Node’s abort', coded('ABORT_ERR'), 'not_asked'],
  ['a refusal of ours', new SpillwayError('SPW_ERR_LIMIT_EXCEEDED'), 'not_asked'],
  ['another circuit that is open', new SpillwayError('SPW_ERR_CIRCUIT_OPEN'), 'not_asked'],
  ['a caller that left', new SpillwayError('SPW_ERR_CANCELLED'), 'not_asked'],
  [
    'a stranger’s deadline',
    new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason: callerDeadline }),
    'not_asked',
  ],
]

describe('an error is an answer', () => {
  test.each(answered)('%s', (_name, error) => {
    expect(evidenceOf(error)).toBe('answered')
  })

  test.each(answered)('%s, wrapped', (_name, error) => {
    expect(evidenceOf(caused(error))).toBe('answered')
  })
})

describe('an error says', () => {
  test.each(telling)('%s → %s', (_name, error, evidence) => {
    expect(evidenceOf(error)).toBe(evidence)
    expect(signOf(error)).toBe(evidence)
  })

  test.each(telling)('%s, as the cause of a cause', (_name, error, evidence) => {
    expect(evidenceOf(new TypeError('fetch failed', { cause: caused(error) }))).toBe(evidence)
  })

  test.each(telling)('%s, of each address', (_name, error, evidence) => {
    expect(evidenceOf(new AggregateError([error, error]))).toBe(evidence)
    expect(evidenceOf(caused(new AggregateError([error])))).toBe(evidence)
  })

  test.each(telling)('%s, of one address but not the other', (_name, error) => {
    expect(evidenceOf(new AggregateError([error, new Error('x')]))).toBe('answered')
  })
})

test('the outermost that says anything is believed', () => {
  expect(evidenceOf(coded(undefined, { statusCode: 404, cause: refused }))).toBe('answered')
  expect(evidenceOf(postgres('23505', { cause: timeout }))).toBe('answered')
  expect(evidenceOf(new SpillwayError('SPW_ERR_CANCELLED', { cause: timeout }))).toBe('not_asked')
})

test('an abort says why in its cause: a timeout is one, a caller that left is none', () => {
  const abort = (cause: unknown): Error =>
    Object.assign(new Error('aborted', { cause }), { name: 'AbortError', code: 'ABORT_ERR' })
  expect(evidenceOf(abort(timeout))).toBe('timed_out')
  expect(evidenceOf(abort(new SpillwayError('SPW_ERR_CALL_TIMEOUT')))).toBe('timed_out')
  expect(evidenceOf(abort(new DOMException('x', 'AbortError')))).toBe('not_asked')
  expect(evidenceOf(abort(new Error('bye')))).toBe('not_asked')
})

test('a pool of a client’s own that had nothing free may be full, or may hang', () => {
  for (const error of [
    named('KnexTimeoutError'),
    coded('P2024'),
    named('MongoWaitQueueTimeoutError'),
  ]) {
    expect(evidenceOf(error)).toBe('overloaded')
  }
})

test('what the clients of Redis, MongoDB, MySQL and Prisma call a lost server', () => {
  for (const error of [
    new Error('Connection is closed.'),
    new Error('Socket closed unexpectedly'),
    named('MongoNetworkError'),
    named('MongoServerSelectionError'),
    coded('PROTOCOL_CONNECTION_LOST'),
    coded('P1001'),
  ]) {
    expect(evidenceOf(error)).toBe('unreachable')
  }
})

test('circles, depths and widths have an end, and nothing throws', () => {
  const circle: { cause?: unknown; errors?: unknown[] } = {}
  circle.cause = circle
  circle.errors = Array.from({ length: 1000 }, () => circle)
  expect(evidenceOf(circle)).toBe('answered')
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      expect(evidenceOf(thrown)).toEqual(expect.any(String))
    }),
    { numRuns: 200 },
  )
})

test('a status of 500 to 599 is against the server, another one is not, but 408 and 429', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), (status) => {
      const isAgainst = (status >= 500 && status < 600) || status === 408 || status === 429
      expect(evidenceOfStatus(status) === 'answered').toBe(!isAgainst)
    }),
  )
})

describe('a caller whose signal has aborted', () => {
  const aborted = (reason: unknown): AbortSignal => AbortSignal.abort(reason)
  test.each([
    ['the platform’s timeout', aborted(timeout), true],
    ['one among several', AbortSignal.any([new AbortController().signal, aborted(timeout)]), true],
    ['the deadline of a request', aborted(new SpillwayError('SPW_ERR_DEADLINE')), true],
    ['a call around this one', aborted(new SpillwayError('SPW_ERR_CALL_TIMEOUT')), true],
    ['a disconnect', aborted(new SpillwayError('SPW_ERR_CANCELLED')), false],
    ['no reason', aborted(undefined), false],
    ['a reason of its own', aborted(new Error('bye')), false],
    ['a word', aborted('timeout'), false],
    ['nothing yet', new AbortController().signal, false],
  ])('by %s: at its deadline %s', (_name, signal, expected) => {
    expect(leftAtDeadline(signal)).toBe(expected)
  })

  test.each(['SPW_ERR_DEADLINE', 'SPW_ERR_CALL_TIMEOUT'] as const)(
    'by a deadline that anybody may have chosen has left at that (%s)',
    (code) => {
      const strangers = aborted(new SpillwayError(code, { reason: callerDeadline }))
      expect([leftAtDeadline(strangers), leftAtCallerDeadline(strangers)]).toEqual([true, true])
      const ours = aborted(new SpillwayError(code, { reason: 'deadline' }))
      expect([leftAtDeadline(ours), leftAtCallerDeadline(ours)]).toEqual([true, false])
    },
  )

  test('or who has none has not left', () => {
    expect(leftAtDeadline(undefined)).toBe(false)
  })
})
