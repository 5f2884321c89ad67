import { SpillwayError } from '@spillway/core'
import { expect, test } from 'vitest'
import type { BreakerOutcome } from '../src/index.ts'
import { classifyFailure } from '../src/index.ts'
import { makeWorld } from './world.ts'

const coded = (code: string): Error => Object.assign(new Error('x'), { code })
const withStatus = (statusCode: number): Error => Object.assign(new Error('x'), { statusCode })

// What is recognized by which sign is tested with the core.
const rows: [string, unknown, BreakerOutcome][] = [
  ['a refused connection', coded('ECONNREFUSED'), 'failure'],
  ['fetch failed', new TypeError('x', { cause: coded('ECONNRESET') }), 'failure'],
  ['a 500', withStatus(500), 'failure'],
  ['a 503', withStatus(503), 'failure'],
  ['too many connections', coded('53300'), 'failure'],
  ['a timeout', new DOMException('x', 'TimeoutError'), 'timeout'],
  ['a call of ours that took too long', new SpillwayError('SPW_ERR_CALL_TIMEOUT'), 'timeout'],
  ['an ordinary error', new Error('no such item'), 'success'],
  ['a mistake in our own code', new TypeError('x'), 'success'],
  ['a 404', withStatus(404), 'success'],
  ['a unique violation', coded('23505'), 'success'],
  ['a statement that was cancelled', coded('57014'), 'ignored'],
  ['an abort', new DOMException('x', 'AbortError'), 'ignored'],
  ['a refusal of ours', new SpillwayError('SPW_ERR_LIMIT_EXCEEDED'), 'ignored'],
]

test.each(rows)('%s', (_name, error, outcome) => {
  expect(classifyFailure(error)).toBe(outcome)
})

test.each(rows)(
  '%s, thrown by half of all calls and then by all of them',
  async (_name, error, outcome) => {
    const { breaker } = makeWorld()
    const fails = (): Promise<never> => Promise.reject(error)
    for (let round = 0; round < 50; round += 1) {
      await breaker.run(async () => 'well')
      await breaker.run(fails).catch(() => {})
    }
    expect(breaker.state).toBe('closed')
    for (let call = 0; call < 200; call += 1) await breaker.run(fails).catch(() => {})
    const opens = outcome === 'failure' || outcome === 'timeout'
    expect(breaker.state).toBe(opens ? 'open' : 'closed')
  },
)
