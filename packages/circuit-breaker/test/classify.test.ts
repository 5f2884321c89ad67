import { SpillwayError } from '@spillway/core'
import { expect, test } from 'vitest'
import { classifyFailure } from '../src/index.ts'

const withCode = (code: string): Error => Object.assign(new Error('x'), { code })
const withStatus = (statusCode: number): Error => Object.assign(new Error('x'), { statusCode })

test.each([
  ['a refused connection', withCode('ECONNREFUSED'), 'failure'],
  ['a short code of Node', withCode('EPIPE'), 'failure'],
  ['an unknown error', new Error('x'), 'failure'],
  ['no error at all', 'a string', 'failure'],
  ['nothing', undefined, 'failure'],
  ['null', null, 'failure'],
  ['a 500', withStatus(500), 'failure'],
  ['a 503', withStatus(503), 'failure'],
  ['a 408', withStatus(408), 'failure'],
  ['a 429', withStatus(429), 'failure'],
  ['a 404', withStatus(404), 'success'],
  ['a 400 called status', Object.assign(new Error(), { status: 400 }), 'success'],
  ['a 399, which is no error', withStatus(399), 'failure'],
  ['a status in words', Object.assign(new Error(), { statusCode: '404' }), 'failure'],
  ['a unique violation', withCode('23505'), 'success'],
  ['bad input for a type', withCode('22P02'), 'success'],
  ['a raised exception', withCode('P0001'), 'success'],
  ['too many connections', withCode('53300'), 'failure'],
  ['a cancelled statement', withCode('57014'), 'failure'],
  ['a lost connection', withCode('08006'), 'failure'],
  ['an internal error', withCode('XX000'), 'failure'],
  ['an abort', new DOMException('x', 'AbortError'), 'ignored'],
  ['a timeout', new DOMException('x', 'TimeoutError'), 'failure'],
  ['a refusal of ours', new SpillwayError('SPW_ERR_LIMIT_EXCEEDED'), 'ignored'],
  ['another circuit that is open', new SpillwayError('SPW_ERR_CIRCUIT_OPEN'), 'ignored'],
  ['a caller that left', new SpillwayError('SPW_ERR_CANCELLED'), 'ignored'],
  ['a call of ours that took too long', new SpillwayError('SPW_ERR_CALL_TIMEOUT'), 'failure'],
  ['a mistake in our own code', new TypeError('x'), 'ignored'],
  ['another', new ReferenceError('x'), 'ignored'],
  ['a third', new RangeError('x'), 'ignored'],
  ['fetch failed', new TypeError('fetch failed', { cause: withCode('ECONNREFUSED') }), 'failure'],
  ['an answer that is no JSON', new SyntaxError('x'), 'failure'],
])('%s', (_name, error, outcome) => {
  expect(classifyFailure(error)).toBe(outcome)
})
