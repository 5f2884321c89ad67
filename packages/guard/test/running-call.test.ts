import type { Clock } from '@spillway/core'
import { adaptiveLimit, fixedLimit, SpillwayError } from '@spillway/core'
import { badAcquireOptions, ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions, RunningCall } from '../src/index.ts'
import { callHeaders, createGuard } from '../src/index.ts'

function setUp(options: Partial<GuardOptions> = {}): { clock: ManualClock; guard: Guard } {
  const clock = new ManualClock()
  const guard = createGuard({ name: 'db', clock, limit: fixedLimit(1), ...options })
  return { clock, guard }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Takes the only permit until it is told to give it back. */
function occupy(guard: Guard): { end(): Promise<void> } {
  let end!: () => void
  const work = new Promise<void>((resolve) => {
    end = resolve
  })
  const call = guard.run(() => work)
  return {
    end: async () => {
      end()
      await call
      await tick()
    },
  }
}

describe('the call that work gets', () => {
  test('tells what is left, anew each time', async () => {
    const { clock, guard } = setUp()
    await guard.run(
      async (signal, call) => {
        expect(call).toMatchObject({ deadlineMs: 800, priority: 'high' })
        expect(call.signal).toBe(signal)
        clock.advance(300)
        expect(call.deadlineMs).toBe(500)
      },
      { deadlineMs: 800, priority: 'high' },
    )
  })

  test('starts with what the wait has left', async () => {
    const { clock, guard } = setUp()
    const first = occupy(guard)
    let left: number | undefined
    const second = guard.run(
      async (_, { deadlineMs }) => {
        left = deadlineMs
      },
      { deadlineMs: 800 },
    )
    clock.advance(200)
    await first.end()
    await second
    expect(left).toBe(600)
  })

  test.each([
    { timeoutMs: 500, deadlineMs: 800, left: 500 },
    { timeoutMs: 900, deadlineMs: 800, left: 800 },
    { timeoutMs: 500, deadlineMs: undefined, left: 500 },
    { timeoutMs: 500, deadlineMs: Infinity, left: 500 },
  ])('has never more than the timeout: %j', async ({ timeoutMs, deadlineMs, left }) => {
    const { guard } = setUp({ timeoutMs })
    const seen = guard.run(async (_, call) => [call.deadlineMs, call.priority], { deadlineMs })
    expect(await seen).toEqual([left, 'default'])
  })

  test('is what a call within the call is asked with', async () => {
    const { clock, guard } = setUp()
    const { guard: other } = setUp({ clock, name: 'other' })
    let inner: RunningCall | undefined
    const outer = guard.run(
      (_, call) => {
        clock.advance(100)
        return other.run((signal, within) => {
          inner = within
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          })
        }, call)
      },
      { deadlineMs: 400, priority: 'low' },
    )
    const ended = expect(outer).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    expect(inner).toMatchObject({ deadlineMs: 300, priority: 'low' })
    clock.advance(300)
    await ended
    expect(inner!.signal.aborted).toBe(true)
    await tick()
    expect(other.stats().running + guard.stats().running).toBe(0)
  })
})

describe('work whose deadline has passed', () => {
  test.each([0, -1, Number.NaN])('is not started: deadlineMs %d', async (deadlineMs) => {
    const { guard } = setUp()
    let started = 0
    const call = guard.run(async () => (started += 1), { deadlineMs })
    await expect(call).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE', statusCode: 503 })
    expect(started).toBe(0)
  })

  test('is not started when that came about in the queue', async () => {
    const { clock, guard } = setUp()
    const first = occupy(guard)
    let started = 0
    const call = guard.run(async () => (started += 1), { deadlineMs: 200 })
    const ended = expect(call).rejects.toMatchObject({ code: 'SPW_ERR_QUEUE_TIMEOUT' })
    clock.advance(201)
    await ended
    await first.end()
    expect(started).toBe(0)
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0, late: 0 })
  })

  test('that was finished all the same is counted', async () => {
    const { clock, guard } = setUp()
    let finish!: () => void
    const work = new Promise<void>((resolve) => {
      finish = resolve
    })
    const call = guard.run(() => work, { deadlineMs: 200 })
    const ended = expect(call).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    clock.advance(200)
    await ended
    expect(guard.stats()).toMatchObject({ late: 0, abandoned: 1 })
    finish()
    await tick()
    expect(guard.stats()).toMatchObject({ late: 1, abandoned: 0 })
  })
})

describe('a downstream that keeps the deadline itself', () => {
  /** As when the event loop is busy: time passes, and our timer has not come round yet. */
  function slowTimers(): { clock: Clock; advance(ms: number): void } {
    const manual = new ManualClock()
    let now = 0
    return {
      clock: {
        now: () => now,
        wallNow: () => now,
        setTimer: (callback, ms) => manual.setTimer(callback, ms),
        clearTimer: (timer) => manual.clearTimer(timer),
      },
      advance: (ms) => {
        now += ms
      },
    }
  }

  test('is answered like one that did not, with its own words as the cause', async () => {
    const { clock, advance } = slowTimers()
    const guard = createGuard({ name: 'db', clock })
    const canceled = Object.assign(new Error('canceling statement'), { code: '57014' })
    const call = guard.run(
      async () => {
        advance(200)
        throw canceled
      },
      { deadlineMs: 200 },
    )
    await expect(call).rejects.toMatchObject({
      code: 'SPW_ERR_CALL_TIMEOUT',
      reason: 'deadline',
      cause: canceled,
    })
    expect(guard.stats().released.dropped).toBe(1)
  })

  test('is not confused with one that failed before, or for another reason', async () => {
    const { clock, advance } = slowTimers()
    const guard = createGuard({ name: 'db', clock })
    const early = Object.assign(new Error('canceling statement'), { code: '57014' })
    const call = guard.run(() => Promise.reject(early), { deadlineMs: 200 })
    await expect(call).rejects.toBe(early)
    const unique = Object.assign(new Error('duplicate key'), { code: '23505' })
    const late = guard.run(
      async () => {
        advance(300)
        throw unique
      },
      { deadlineMs: 200 },
    )
    await expect(late).rejects.toBe(unique)
  })
})

describe('a call that was given less time than calls take', () => {
  interface Timed {
    readonly clock: ManualClock
    readonly guard: Guard
    /** One call that takes so long, for a caller that waits so long. */
    take(ms: number, deadlineMs: number): Promise<void>
  }

  function timed(options: Partial<GuardOptions> = {}): Timed {
    const { clock, guard } = setUp({ limit: fixedLimit(1000), ...options })
    return {
      clock,
      guard,
      async take(ms, deadlineMs) {
        let finish!: () => void
        const work = new Promise<void>((resolve) => {
          finish = resolve
        })
        const call = guard.run(() => work, { deadlineMs }).catch(() => undefined)
        clock.advance(ms)
        finish()
        await call
        await tick()
      },
    }
  }

  test('says nothing about load, but its latency does once it has ended', async () => {
    const { guard, take } = timed()
    await take(100, 1000)
    await take(100, 20)
    expect(guard.stats()).toMatchObject({ late: 1, released: { success: 2, dropped: 0 } })
  })

  test('says nothing when it is stopped', async () => {
    const { clock, guard, take } = timed()
    await take(100, 1000)
    const stopped = guard.run(
      (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
      { deadlineMs: 20 },
    )
    clock.advance(20)
    await expect(stopped).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    await tick()
    expect(guard.stats().released).toEqual({ success: 1, dropped: 0, ignored: 1 })
  })

  test('counts as lost when it had the time that calls take, or nobody knows what that is', async () => {
    const { guard, take } = timed()
    await take(200, 150)
    expect(guard.stats().released).toEqual({ success: 0, dropped: 1, ignored: 0 })
    await take(100, 1000)
    await take(200, 100)
    expect(guard.stats().released).toEqual({ success: 1, dropped: 2, ignored: 0 })
  })

  test('cannot take the limit down, be it ever so many', async () => {
    const { guard, take } = timed({ limit: adaptiveLimit() })
    for (let index = 0; index < 100; index += 1) await take(20, 1000)
    const before = guard.limiter.limit
    for (let index = 0; index < 1000; index += 1) await take(20, index % 10 === 0 ? 1000 : 5)
    expect(guard.stats().limitReason).not.toBe('blackout')
    // Of a limit that calls do not meet, half is free.
    expect(guard.limiter.limit).toBeGreaterThanOrEqual(0.5 * before)
  })
})

describe('a signal that aborts because the deadline has passed, like request.cancelSignal', () => {
  const deadline = (): SpillwayError => new SpillwayError('SPW_ERR_DEADLINE')

  test('ends the call as its deadline would: nobody hung up, the downstream was too slow', async () => {
    const { guard } = setUp()
    const caller = new AbortController()
    const call = guard.run(
      (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
      { signal: caller.signal },
    )
    caller.abort(deadline())
    await expect(call).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT', reason: 'deadline' })
    await tick()
    expect(guard.stats().released).toEqual({ success: 0, dropped: 1, ignored: 0 })
  })

  test('while the call waits, and before it: refused with SPW_ERR_DEADLINE', async () => {
    const { guard } = setUp()
    const first = occupy(guard)
    const caller = new AbortController()
    let started = 0
    const work = async (): Promise<number> => (started += 1)
    const waiting = guard.run(work, { signal: caller.signal })
    caller.abort(deadline())
    await expect(waiting).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE', statusCode: 503 })
    await first.end()
    const after = guard.run(work, { signal: caller.signal })
    await expect(after).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE', statusCode: 503 })
    expect(started).toBe(0)
  })
})

describe('callHeaders', () => {
  test.each([
    [
      { deadlineMs: 249.7, priority: 'low' },
      { 'x-envoy-expected-rq-timeout-ms': '249', 'x-request-priority': 'low' },
    ],
    [{ deadlineMs: 1000, priority: 'default' }, { 'x-envoy-expected-rq-timeout-ms': '1000' }],
    [{ deadlineMs: -3, priority: 'default' }, { 'x-envoy-expected-rq-timeout-ms': '1' }],
    [{ priority: 'high' }, { 'x-request-priority': 'high' }],
    [{ deadlineMs: undefined, priority: undefined }, {}],
  ] as const)('of %j', (call, headers) => {
    expect(callHeaders(call)).toEqual(headers)
  })

  test.each(badAcquireOptions)('says what is wrong: $what', ({ options, message }) => {
    expect(() => callHeaders(options as never)).toThrow(message)
  })
})
