import type { AcquireOptions } from '@spillway/core'
import { adaptiveLimit, callerDeadline, fixedLimit, SpillwayError } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions, Work } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { codeOf } from './code-of.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setUp(options: Partial<GuardOptions> = {}): { clock: ManualClock; guard: Guard } {
  const clock = new ManualClock()
  const own = { name: 'db', clock, limit: fixedLimit(1000), breaker: { random: () => 0 } }
  return { clock, guard: createGuard({ ...own, ...options }) }
}

/** Answers after so long, unless it is stopped before. */
function query(clock: ManualClock, ms: number): Work<string> {
  return (signal) =>
    new Promise((resolve, reject) => {
      const timer = clock.setTimer(() => {
        resolve('row')
      }, ms)
      signal.addEventListener('abort', () => {
        clock.clearTimer(timer)
        reject(signal.reason as Error)
      })
    })
}

const silent: Work<never> = () => new Promise(() => {})

/** Every way by which the number of a stranger comes to a guard. */
const ways: readonly [string, (clock: ManualClock, ms: number) => AcquireOptions][] = [
  ['as callerDeadlineMs', (_, ms) => ({ callerDeadlineMs: ms })],
  ['beside a deadline', (_, ms) => ({ callerDeadlineMs: ms, deadlineMs: 5000 })],
  [
    'by the signal of its request',
    (clock, ms) => {
      const request = new AbortController()
      clock.setTimer(() => {
        request.abort(new SpillwayError('SPW_ERR_DEADLINE', { reason: callerDeadline }))
      }, ms)
      return { signal: request.signal, deadlineMs: 5000 }
    },
  ],
  [
    'by several signals in one',
    (clock, ms) => {
      const request = new AbortController()
      clock.setTimer(() => {
        request.abort(new SpillwayError('SPW_ERR_DEADLINE', { reason: callerDeadline }))
      }, ms)
      return { signal: AbortSignal.any([request.signal, new AbortController().signal]) }
    },
  ],
]

describe.each(ways)('a deadline that a stranger has chosen, %s', (_, options) => {
  test('ends its own call with 504, and says nothing', async () => {
    const { clock, guard } = setUp()
    const call = guard.run(query(clock, 300), options(clock, 120))
    const ended = expect(call).rejects.toMatchObject({
      code: 'SPW_ERR_CALL_TIMEOUT',
      statusCode: 504,
      reason: callerDeadline,
    })
    clock.advance(120)
    await ended
    await tick()
    expect(guard.stats()).toMatchObject({
      running: 0,
      late: 0,
      released: { success: 0, dropped: 0, ignored: 1 },
      breaker: { failures: 0, timeouts: 0, ignored: 1 },
    })
  })

  test.each([2, 99, 100, 120, 299])(
    'of %d ms opens no circuit and takes no limit down, though nobody else is there',
    async (ms) => {
      const { clock, guard } = setUp({ limit: adaptiveLimit() })
      for (let call = 0; call < 20; call += 1) {
        const first = guard.run(query(clock, 300))
        clock.advance(300)
        await first
      }
      const before = guard.limiter.limit
      for (let round = 0; round < 100; round += 1) {
        const calls = Array.from({ length: 5 }, () =>
          codeOf(guard.run(query(clock, 300), options(clock, ms))),
        )
        clock.advance(300)
        expect(new Set(await Promise.all(calls))).toEqual(new Set(['SPW_ERR_CALL_TIMEOUT']))
      }
      expect(guard.stats().released.dropped).toBe(0)
      expect(guard.limiter.limit).toBeGreaterThanOrEqual(0.5 * before)
      expect(guard.breaker?.stats()).toMatchObject({ opened: 0, failures: 0 })
    },
  )

  test('is no silence, however many calls hang', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(20) })
    const calls = Array.from({ length: 10 }, () => codeOf(guard.run(silent, options(clock, 200))))
    clock.advance(2000)
    await Promise.all(calls)
    expect(guard.stats().running).toBe(10)
    expect(await guard.run(async () => 'row')).toBe('row')
    expect(guard.breaker?.stats()).toMatchObject({ state: 'closed', opened: 0 })
  })

  /** Open, and the time has come for the first probe. */
  async function halfOpen(): Promise<{ clock: ManualClock; guard: Guard }> {
    const made = setUp({ timeoutMs: 1000 })
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    const down = (): Promise<never> => Promise.reject(refused)
    for (let call = 0; call < 10; call += 1) await codeOf(made.guard.run(down))
    made.clock.advance(500)
    return made
  }

  test('ends no probe: it goes on without its caller, and the circuit closes as soon', async () => {
    const { clock, guard } = await halfOpen()
    for (let probe = 0; probe < 15; probe += 1) {
      const call = codeOf(guard.run(query(clock, 300), options(clock, 120)))
      clock.advance(120)
      expect(await call).toBe('SPW_ERR_CALL_TIMEOUT')
      expect(guard.stats()).toMatchObject({ running: 1, abandoned: 1 })
      clock.advance(180)
      await tick()
    }
    expect(guard.stats()).toMatchObject({
      running: 0,
      abandoned: 0,
      late: 0,
      meanDurationMs: 300,
      released: { success: 15, dropped: 0 },
      breaker: { state: 'closed', opened: 1 },
    })
  })

  test('fails no probe: one that is never answered fails by the service’s own time', async () => {
    const { clock, guard } = await halfOpen()
    const { deadlineMs = 1000 } = options(clock, 120)
    const call = codeOf(guard.run(query(clock, 9000), { ...options(clock, 120), deadlineMs }))
    clock.advance(120)
    expect(await call).toBe('SPW_ERR_CALL_TIMEOUT')
    clock.advance(879)
    await tick()
    expect(guard.stats()).toMatchObject({ running: 1, breaker: { state: 'half_open', opened: 1 } })
    clock.advance(1)
    await tick()
    expect(guard.stats()).toMatchObject({
      running: 0,
      abandoned: 0,
      breaker: { opened: 2, timeouts: 1 },
    })
  })

  test('leaves an answer that comes all the same a success, as long as it took', async () => {
    const { clock, guard } = setUp()
    let answer!: (row: string) => void
    const deaf = (): Promise<string> =>
      new Promise((resolve) => {
        answer = resolve
      })
    const call = codeOf(guard.run(deaf, options(clock, 120)))
    clock.advance(300)
    expect(await call).toBe('SPW_ERR_CALL_TIMEOUT')
    answer('row')
    await tick()
    expect(guard.stats()).toMatchObject({
      late: 0,
      meanDurationMs: 300,
      released: { success: 1, dropped: 0, ignored: 0 },
    })
  })

  test('does not become evidence within another guard or breaker', async () => {
    const { clock, guard } = setUp()
    const { guard: inner } = setUp({ clock, name: 'inner' })
    const call = codeOf(
      guard.run((_signal, running) => inner.run(query(clock, 300), running), options(clock, 120)),
    )
    clock.advance(300)
    expect(await call).toBe('SPW_ERR_CALL_TIMEOUT')
    await tick()
    for (const { breaker, released } of [guard.stats(), inner.stats()]) {
      expect(released).toEqual({ success: 0, dropped: 0, ignored: 1 })
      expect(breaker).toMatchObject({ failures: 0, ignored: 1 })
    }
  })
})

describe('the number of a stranger, kept by a client library', () => {
  test.each([0, 1])('and reported %d ms before we do, says nothing', async (earlyMs) => {
    const { clock, guard } = setUp()
    const work: Work<never> = (_, { callerDeadlineMs }) =>
      new Promise((_resolve, reject) => {
        clock.setTimer(() => {
          reject(new DOMException('timeout', 'TimeoutError'))
        }, callerDeadlineMs! - earlyMs)
      })
    const call = codeOf(guard.run(work, { callerDeadlineMs: 120, deadlineMs: 5000 }))
    clock.advance(120)
    await call
    expect(guard.stats()).toMatchObject({
      released: { dropped: 0, ignored: 1 },
      breaker: { failures: 0 },
    })
  })

  test('is not what a time-out of another cause is taken for', async () => {
    const { clock, guard } = setUp()
    const work: Work<never> = () =>
      new Promise((_resolve, reject) => {
        clock.setTimer(() => {
          reject(new DOMException('timeout', 'TimeoutError'))
        }, 100)
      })
    const call = codeOf(guard.run(work, { callerDeadlineMs: 120 }))
    clock.advance(100)
    await call
    expect(guard.stats().released.dropped).toBe(1)
  })
})

describe('a deadline of the service beside one of a stranger', () => {
  test.each([
    { deadlineMs: 100, callerDeadlineMs: 120 },
    { deadlineMs: 100, callerDeadlineMs: 100 },
    { deadlineMs: 100, callerDeadlineMs: 1e300 },
    { deadlineMs: 100, callerDeadlineMs: Infinity },
  ])('counts where it is not later: %j', async (deadlines) => {
    const { clock, guard } = setUp()
    const call = guard.run(query(clock, 300), deadlines)
    const ended = expect(call).rejects.toMatchObject({ reason: 'deadline' })
    clock.advance(100)
    await ended
    await tick()
    expect(guard.stats()).toMatchObject({ released: { dropped: 1 }, breaker: { timeouts: 1 } })
  })

  test.each([0, -5, Number.NaN, -Infinity])('a stranger with %d ms is sent away', async (ms) => {
    const { guard } = setUp()
    let started = 0
    const call = guard.run(async () => (started += 1), { callerDeadlineMs: ms })
    await expect(call).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE', statusCode: 503 })
    expect(started).toBe(0)
    expect(guard.stats().breaker).toMatchObject({ failures: 0 })
  })
})
