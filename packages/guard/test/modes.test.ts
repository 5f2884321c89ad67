import { fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions, RunningCall } from '../src/index.ts'
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

describe.each(['observe', 'off'] as const)(
  'the time of a call whose guard is in mode %s',
  (mode) => {
    const took = (clock: ManualClock, ms: number) => (): Promise<string> =>
      new Promise((resolve) => {
        clock.setTimer(() => {
          resolve('row')
        }, ms)
      })

    test.each([
      { timeoutMs: 100 },
      { deadlineMs: 100 },
      { call: { deadlineMs: 100 } },
      { call: { callerDeadlineMs: 100 } },
      { call: { deadlineMs: -1 } },
      { call: { deadlineMs: Number.NaN } },
    ])('ends nothing: %j', async ({ call = {}, ...options }) => {
      const { clock, guard } = setUp({ mode, ...options })
      const signals: AbortSignal[] = []
      const answered = guard.run((signal) => {
        signals.push(signal)
        return took(clock, 300)()
      }, call)
      clock.advance(300)
      expect(await answered).toBe('row')
      expect(signals[0]!.aborted).toBe(false)
      expect(guard.stats()).toMatchObject({ running: 0, abandoned: 0, late: 0, inFlight: 0 })
    })

    test('is no business of the work, but what its caller has named', async () => {
      const { guard } = setUp({ mode, timeoutMs: 100, deadlineMs: 50 })
      const left = async (_: AbortSignal, call: RunningCall): Promise<number> => call.deadlineMs
      expect(await guard.run(left)).toBe(Infinity)
      expect(await guard.run(left, { deadlineMs: 800 })).toBe(800)
    })

    test('ends with its caller’s own signal for the work alone, as without a guard', async () => {
      const { clock, guard } = setUp({ mode })
      const caller = new AbortController()
      const signals: AbortSignal[] = []
      const answered = guard.run(
        (signal) => {
          signals.push(signal)
          return took(clock, 300)()
        },
        { signal: caller.signal },
      )
      caller.abort('gone')
      expect(signals[0]).toMatchObject({ aborted: true, reason: 'gone' })
      clock.advance(300)
      expect(await answered).toBe('row')
      const early = { signal: AbortSignal.abort('gone before') }
      expect(await guard.run(async ({ reason }) => reason as string, early)).toBe('gone before')
      expect(guard.stats()).toMatchObject({ running: 0, abandoned: 0, inFlight: 0 })
    })
  },
)

describe('a guard that observes time', () => {
  async function timeOut(guard: Guard, clock: ManualClock, calls: number): Promise<void> {
    const answers = Array.from({ length: calls }, () =>
      guard.run(() => new Promise<void>((resolve) => clock.setTimer(resolve, 900))),
    )
    clock.advance(900)
    await Promise.all(answers)
  }

  test('counts whose time was up, and learns from it as it would', async () => {
    const options = { deadlineMs: 400, limit: fixedLimit(100) }
    const { clock, guard } = setUp({ mode: 'observe', ...options })
    await timeOut(guard, clock, 10)
    expect(guard.stats()).toMatchObject({
      wouldHaveTimedOut: 10,
      late: 0,
      released: { dropped: 10 },
      breaker: { timeouts: 10, opened: 1 },
    })
  })

  test('counts those of strangers, and learns nothing from them', async () => {
    const { clock, guard } = setUp({ mode: 'observe' })
    const call = guard.run(() => new Promise<void>((resolve) => clock.setTimer(resolve, 300)), {
      callerDeadlineMs: 120,
    })
    clock.advance(300)
    await call
    expect(guard.stats()).toMatchObject({
      wouldHaveTimedOut: 1,
      released: { success: 1, dropped: 0 },
      breaker: { failures: 0 },
    })
  })

  test('one that is off counts nothing', async () => {
    const { clock, guard } = setUp({ mode: 'off', deadlineMs: 400 })
    await timeOut(guard, clock, 10)
    expect(guard.stats()).toMatchObject({ wouldHaveTimedOut: 0, breaker: { timeouts: 0 } })
  })

  test('treats a call as it did when the call began, whatever its mode becomes', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(100) })
    const hang = (): Promise<never> => new Promise(() => {})
    const before = codeOf(guard.run(hang, { deadlineMs: 100 }))
    guard.mode = 'observe'
    const within = guard.run(
      () => new Promise((resolve) => clock.setTimer(() => resolve('row'), 200)),
      {
        deadlineMs: 100,
      },
    )
    guard.mode = 'enforce'
    clock.advance(200)
    expect(await before).toBe('SPW_ERR_CALL_TIMEOUT')
    expect(await within).toBe('row')
  })
})
