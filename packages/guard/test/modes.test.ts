import { fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { codeOf } from './code-of.ts'

function setUp(options: Partial<GuardOptions> = {}): { clock: ManualClock; guard: Guard } {
  const clock = new ManualClock()
  const breaker = { random: () => 0 }
  const own = { name: 'db', clock, limit: fixedLimit(1), queue: { maxSize: 0 }, breaker }
  return { clock, guard: createGuard({ ...own, ...options }) }
}

const failing = (): Promise<never> =>
  Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))
const answer = async (): Promise<string> => 'row'

describe('a guard that observes', () => {
  test('runs every call at once, and counts those that it would have refused', async () => {
    const { guard } = setUp({ mode: 'observe' })
    const answers = await Promise.all([0, 1, 2].map(() => guard.run(answer)))
    expect(answers).toEqual(['row', 'row', 'row'])
    expect(guard.stats()).toMatchObject({
      mode: 'observe',
      inFlight: 0,
      running: 0,
      refused: { default: { limit: 0 } },
    })
    expect(guard.stats().wouldHaveRefused.default.limit).toBe(2)
    expect(guard.wouldRefuse()).toBeUndefined()
  })

  test('watches its circuit open, and lets calls through all the same', async () => {
    const { clock, guard } = setUp({ mode: 'observe' })
    for (let call = 0; call < 10; call += 1) await codeOf(guard.run(failing))
    expect(guard.breaker?.state).toBe('open')
    expect(guard.wouldRefuse()).toBeUndefined()
    expect(await guard.run(answer)).toBe('row')
    expect(guard.stats()).toMatchObject({ wouldHaveRefusedByCircuit: 1, breaker: { refused: 0 } })
    for (let probe = 0; probe < 20; probe += 1) {
      clock.advance(500)
      expect(await guard.run(answer)).toBe('row')
    }
    expect(guard.breaker?.state).toBe('closed')
  })
})

describe('a guard that is off', () => {
  test('asks neither limiter nor circuit, and counts who runs', async () => {
    const { guard } = setUp({ mode: 'off' })
    for (let call = 0; call < 20; call += 1) await codeOf(guard.run(failing))
    expect(guard.stats()).toMatchObject({
      inFlight: 0,
      wouldHaveRefusedByCircuit: 0,
      breaker: { state: 'closed', failures: 0 },
    })
  })
})

test('a guard that begins to enforce refuses at once what it has seen before', async () => {
  const { guard } = setUp({ mode: 'observe' })
  for (let call = 0; call < 10; call += 1) await codeOf(guard.run(failing))
  guard.mode = 'enforce'
  expect(await codeOf(guard.run(answer))).toBe('SPW_ERR_CIRCUIT_OPEN')
  guard.mode = 'off'
  expect(await guard.run(answer)).toBe('row')
})

test('what is no mode is an error, at definition and later', () => {
  const wrong = { mode: 'on' as never }
  expect(() => setUp(wrong)).toThrow("Expected `mode` to be one of 'off', 'observe', 'enforce'")
  const { guard } = setUp()
  expect(() => {
    guard.mode = 'shadow' as never
  }).toThrow('Expected `mode`')
  expect(guard.mode).toBe('enforce')
})
