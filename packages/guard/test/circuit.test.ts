import { adaptiveLimit, fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { codeOf } from './code-of.ts'

function setUp(options: Partial<GuardOptions> = {}): { clock: ManualClock; guard: Guard } {
  const clock = new ManualClock()
  const breaker = { random: () => 0 }
  return {
    clock,
    guard: createGuard({ name: 'db', clock, limit: fixedLimit(2000), breaker, ...options }),
  }
}

const refused = (): Promise<never> =>
  Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))
const silent = (): Promise<never> => new Promise(() => {})
const answer = async (): Promise<string> => 'row'
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
}

async function trip(guard: Guard): Promise<void> {
  for (let call = 0; call < 10; call += 1) await codeOf(guard.run(refused))
  expect(guard.breaker?.state).toBe('open')
}

describe('the breaker of a guard', () => {
  test('cuts a downstream off that refuses, and says so before anything is queued', async () => {
    const { guard } = setUp()
    await trip(guard)
    expect(guard.wouldRefuse()).toMatchObject({ code: 'SPW_ERR_CIRCUIT_OPEN', reason: 'open' })
    await expect(guard.run(answer)).rejects.toMatchObject({
      code: 'SPW_ERR_CIRCUIT_OPEN',
      statusCode: 503,
      retryAfterMs: 250,
    })
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0, running: 0 })
    expect(guard.stats().breaker).toMatchObject({ state: 'open', failures: 10, refused: 1 })
  })

  test.each([2, 3, 6])(
    'does not cut off what is well of it: one of %d replicas',
    async (replicas) => {
      const { clock, guard } = setUp()
      const codes: unknown[] = []
      for (let asked = 0; asked < 600; asked += 1) {
        codes.push(await codeOf(guard.run(asked % replicas === 0 ? answer : refused)))
        clock.advance(10)
      }
      expect(codes.filter((code) => code === 'fulfilled')).toHaveLength(600 / replicas)
      expect(guard.stats().breaker).toMatchObject({ state: 'closed', opened: 0 })
    },
  )

  test('cuts it off at the share of failures that the user names', async () => {
    const { guard } = setUp({ breaker: { failureRatio: 0.5 } })
    for (let asked = 0; asked < 12; asked += 1) {
      await codeOf(guard.run(asked % 3 === 0 ? answer : refused))
    }
    expect(guard.breaker?.state).toBe('open')
  })

  test('counts silence when a call expires, not when its work settles', async () => {
    const { clock, guard } = setUp()
    const calls = Array.from({ length: 10 }, () => codeOf(guard.run(silent, { deadlineMs: 400 })))
    clock.advance(400)
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['SPW_ERR_CALL_TIMEOUT']))
    expect(guard.breaker?.state).toBe('open')
    expect(guard.stats()).toMatchObject({ running: 10, abandoned: 10 })
    expect(guard.stats().breaker).toMatchObject({ timeouts: 10, inFlight: 0 })
  })

  test('does not cut off what is slow but answers somebody', async () => {
    const { clock, guard } = setUp()
    for (let round = 0; round < 50; round += 1) {
      const slow = Array.from({ length: 20 }, () => codeOf(guard.run(silent, { deadlineMs: 400 })))
      clock.advance(200)
      expect(await guard.run(answer)).toBe('row')
      clock.advance(200)
      await Promise.all(slow)
    }
    expect(guard.stats().breaker).toMatchObject({ state: 'closed', failures: 0, ignored: 1000 })
  })

  test('an answer that comes after its deadline is an answer, too', async () => {
    const { clock, guard } = setUp()
    let answerLate!: (row: string) => void
    const late = codeOf(
      guard.run(() => new Promise<string>((resolve) => (answerLate = resolve)), {
        deadlineMs: 100,
      }),
    )
    clock.advance(100)
    await late
    const slow = Array.from({ length: 20 }, () => codeOf(guard.run(silent, { deadlineMs: 400 })))
    clock.advance(100)
    answerLate('row')
    await turns()
    clock.advance(300)
    await Promise.all(slow)
    expect(guard.breaker?.state).toBe('closed')
  })

  test('overload is no failure while others are answered, and one when nobody is', async () => {
    const { clock, guard } = setUp()
    const full = Object.assign(new Error('too many connections'), { code: '53300' })
    const shed = (): Promise<never> => Promise.reject(full)
    for (let call = 0; call < 50; call += 1) {
      expect(await guard.run(answer)).toBe('row')
      await codeOf(guard.run(shed))
    }
    expect(guard.breaker?.state).toBe('closed')
    clock.advance(2000)
    for (let call = 0; call < 10; call += 1) await codeOf(guard.run(shed))
    expect(guard.breaker?.state).toBe('open')
  })

  test('a 404, a caller that left and a hopeless deadline are no failures', async () => {
    const { clock, guard } = setUp()
    const notFound = Object.assign(new Error('no such row'), { statusCode: 404 })
    for (let call = 0; call < 20; call += 1) {
      await codeOf(guard.run(() => Promise.reject(notFound)))
      const leaving = new AbortController()
      const left = codeOf(guard.run(silent, { signal: leaving.signal }))
      leaving.abort()
      expect(await left).toBe('SPW_ERR_CANCELLED')
    }
    clock.advance(1000)
    const strangers = Array.from({ length: 100 }, () =>
      codeOf(guard.run(silent, { deadlineMs: 5 })),
    )
    clock.advance(5)
    await Promise.all(strangers)
    expect(guard.stats().breaker).toMatchObject({ state: 'closed', failures: 0 })
  })

  test.each([
    ['an error of one’s own', () => new (class NotFound extends Error {})('no such item')],
    ['a failed validation', () => Object.assign(new Error('no'), { statusCode: 400 })],
    ['a unique violation', () => Object.assign(new Error('no'), { code: '23505' })],
    ['a mistake', () => new TypeError('x is undefined')],
    ['a string', () => 'no'],
    ['an error around an error', () => new Error('no item', { cause: new Error('no row') })],
  ])('%s, thrown by most calls, refuses nobody', async (_name, makeError) => {
    const { clock, guard } = setUp({ limit: adaptiveLimit() })
    for (let call = 0; call < 300; call += 1) {
      clock.advance(20)
      const isHonest = call % 5 === 0
      const work = isHonest ? answer : (): Promise<never> => Promise.reject(makeError())
      await codeOf(guard.run(work))
    }
    expect(guard.stats().breaker).toMatchObject({ opened: 0, failures: 0, successes: 300 })
    expect(guard.stats().released).toMatchObject({ success: 300 })
  })

  test('classify governs limit and breaker alike', async () => {
    const says = { good: 'success', busy: 'dropped', ours: 'ignored' } as const
    const isKnown = (word: string): word is keyof typeof says => word in says
    const { clock, guard } = setUp({
      classify: (error) => {
        const { message } = error as Error
        return isKnown(message) ? says[message] : undefined
      },
    })
    const fail = async (message: string, times: number): Promise<void> => {
      const error = Object.assign(new Error(message), { code: 'ECONNREFUSED' })
      for (let call = 0; call < times; call += 1)
        await codeOf(guard.run(() => Promise.reject(error)))
    }
    await fail('good', 20)
    await fail('ours', 20)
    expect(guard.stats().breaker).toMatchObject({ state: 'closed', successes: 20, ignored: 20 })
    expect(guard.stats().released).toEqual({ success: 20, dropped: 0, ignored: 20 })
    clock.advance(2000)
    await fail('busy', 40)
    expect(guard.stats().breaker).toMatchObject({ state: 'open', successes: 20 })
    expect(guard.stats().released.dropped).toBe(10)
  })

  test('what the work says after it was told to stop is no answer', async () => {
    const { clock, guard } = setUp()
    const stops = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')))
      })
    for (let round = 0; round < 3; round += 1) {
      const calls = Array.from({ length: 5 }, () => codeOf(guard.run(stops, { deadlineMs: 300 })))
      clock.advance(300)
      await Promise.all(calls)
      await turns()
    }
    expect(guard.stats().breaker).toMatchObject({ opened: 1, successes: 0 })
  })

  test('isFailure has the last word', async () => {
    const isFailure = (error: unknown): boolean => (error as Error).message === 'bad'
    const { guard } = setUp({ breaker: { isFailure } })
    for (let call = 0; call < 20; call += 1) await codeOf(guard.run(refused))
    expect(guard.breaker?.state).toBe('closed')
    const bad = (): Promise<never> => Promise.reject(new Error('bad'))
    for (let call = 0; call < 10; call += 1) await codeOf(guard.run(bad))
    expect(guard.breaker?.state).toBe('open')
  })

  test('of 1,000 callers at half-open no more run than the probes allowed', async () => {
    const { clock, guard } = setUp()
    await trip(guard)
    clock.advance(250)
    const gates: (() => void)[] = []
    const work = async (): Promise<void> => new Promise((resolve) => gates.push(resolve))
    const openAll = (): void => {
      for (const open of gates.splice(0)) open()
    }
    const callers = async (): Promise<unknown[]> =>
      Promise.all(Array.from({ length: 1000 }, async () => codeOf(guard.run(work))))
    const first = callers()
    expect(gates).toHaveLength(1)
    openAll()
    // Nothing had been answered when they came.
    expect((await first).filter((code) => code === 'SPW_ERR_CIRCUIT_OPEN')).toHaveLength(999)
    const others = callers()
    expect(gates).toHaveLength(2)
    for (let round = 0; guard.breaker?.state !== 'closed'; round += 1) {
      expect(round).toBeLessThan(20)
      expect(gates.length).toBeLessThanOrEqual(8)
      openAll()
      await turns()
    }
    openAll()
    expect(new Set(await others)).toEqual(new Set(['fulfilled']))
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0, running: 0 })
  })

  test('while half-open, calls wait once a probe was answered, and the important ones go first', async () => {
    const { clock, guard } = setUp()
    await trip(guard)
    clock.advance(250)
    await guard.run(answer)
    const order: string[] = []
    const gates: (() => void)[] = []
    const ask = async (priority: 'default' | 'critical', name: string): Promise<void> =>
      guard.run(
        async () => {
          order.push(name)
          return new Promise<void>((resolve) => gates.push(resolve))
        },
        { priority },
      )
    const asked = [
      ask('default', 'probe'),
      ask('default', 'probe'),
      ask('default', 'late'),
      ask('critical', 'soon'),
      ask('critical', 'soon'),
    ]
    expect(order).toEqual(['probe', 'probe'])
    expect(guard.stats()).toMatchObject({ queued: 3 })
    gates.shift()!()
    gates.shift()!()
    await turns()
    expect(order).toEqual(['probe', 'probe', 'soon', 'soon', 'late'])
    for (const open of gates) open()
    await Promise.all(asked)
  })

  test('those who wait while half-open are refused when the probes fail', async () => {
    const { clock, guard } = setUp()
    await trip(guard)
    clock.advance(250)
    await guard.run(answer)
    const failing: ((error: Error) => void)[] = []
    const probes = [1, 2].map(async () =>
      codeOf(guard.run(async () => new Promise((_resolve, reject) => failing.push(reject)))),
    )
    const waiting = Array.from({ length: 20 }, async () => codeOf(guard.run(refused)))
    expect(guard.stats()).toMatchObject({ queued: 20 })
    for (const fail of failing) fail(Object.assign(new Error('lost'), { code: 'ECONNRESET' }))
    expect(await Promise.all(probes)).toEqual(['ECONNRESET', 'ECONNRESET'])
    const codes = await Promise.all(waiting)
    expect(codes.filter((code) => code === 'SPW_ERR_CIRCUIT_OPEN').length).toBeGreaterThan(15)
    expect(guard.breaker?.state).toBe('open')
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0, running: 0 })
  })

  test('a call that waits while half-open and hangs up gives its probe back', async () => {
    const { clock, guard } = setUp()
    await trip(guard)
    clock.advance(250)
    await guard.run(answer)
    const gates: (() => void)[] = []
    const probes = [1, 2].map(async () =>
      guard.run(async () => new Promise<void>((resolve) => gates.push(resolve))),
    )
    const leaving = new AbortController()
    const left = codeOf(guard.run(answer, { signal: leaving.signal }))
    // In the same turn it gets its permit and hangs up.
    gates.shift()!()
    await Promise.resolve()
    leaving.abort()
    expect(await left).toBeOneOf(['fulfilled', 'SPW_ERR_CANCELLED'])
    gates.shift()!()
    await Promise.all(probes)
    for (let call = 0; call < 20; call += 1) await guard.run(answer)
    expect(guard.breaker?.state).toBe('closed')
    expect(guard.stats().breaker).toMatchObject({ inFlight: 0 })
  })

  test('whoever waits for a permit holds no pass, and is refused when the circuit has opened', async () => {
    const { guard } = setUp({ limit: fixedLimit(1) })
    let fail!: (error: unknown) => void
    const first = codeOf(guard.run(() => new Promise((_resolve, reject) => (fail = reject))))
    const waiting = Array.from({ length: 50 }, () => codeOf(guard.run(answer)))
    expect(guard.stats().breaker).toMatchObject({ inFlight: 1 })
    guard.breaker!.open()
    fail(new Error('down'))
    await first
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['SPW_ERR_CIRCUIT_OPEN']))
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0, running: 0 })
  })

  test('10,000 aborted calls leave nothing behind', async () => {
    const { clock, guard } = setUp()
    for (let batch = 0; batch < 10; batch += 1) {
      const leaving = new AbortController()
      const settled = Array.from({ length: 1000 }, () =>
        codeOf(
          guard.run(
            (signal) =>
              new Promise((_resolve, reject) => {
                signal.addEventListener('abort', () => reject(signal.reason))
              }),
            { signal: leaving.signal },
          ),
        ),
      )
      leaving.abort()
      await Promise.all(settled)
      await turns()
    }
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0, running: 0, abandoned: 0 })
    expect(guard.stats().breaker).toMatchObject({ state: 'closed', inFlight: 0, ignored: 10_000 })
    clock.advance(30_000)
    expect(clock.pendingTimers).toBe(0)
  })

  test('there is none with `breaker: false`', async () => {
    const { guard } = setUp({ breaker: false })
    for (let call = 0; call < 50; call += 1) await codeOf(guard.run(refused))
    await codeOf(guard.run(answer))
    expect(guard.breaker).toBeUndefined()
    expect(guard.stats().breaker).toBeUndefined()
    expect(guard.wouldRefuse()).toBeUndefined()
  })

  test('a closed guard says that it is closed, not that its circuit is', async () => {
    const { guard } = setUp()
    await trip(guard)
    guard.close()
    expect(await codeOf(guard.run(answer))).toBe('SPW_ERR_CLOSED')
    expect(guard.wouldRefuse()).toMatchObject({ reason: 'closed' })
  })
})
