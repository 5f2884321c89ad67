import { fixedLimit, SpillwayError } from '@spillway/core'
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
    guard: createGuard({ name: 'db', clock, limit: fixedLimit(20), breaker, ...options }),
  }
}

const answer = async (): Promise<string> => 'row'
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
const timeout = (): DOMException => new DOMException('slow', 'TimeoutError')

/** Hangs until its signal aborts. */
const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })

/** A caller that has a timeout of its own, which comes as a signal, alone or among others. */
function callWithSignal(
  guard: Guard,
  clock: ManualClock,
  reason: unknown,
  afterMs: number,
): Promise<unknown> {
  const own = new AbortController()
  clock.setTimer(() => own.abort(reason), afterMs)
  const signal = AbortSignal.any([new AbortController().signal, own.signal])
  return guard.run(hang, { signal }).catch((error: unknown) => error)
}

/** Work that gives up by itself, with whatever its client makes of the timeout. */
function callWithin(
  guard: Guard,
  clock: ManualClock,
  error: unknown,
  afterMs: number,
): Promise<unknown> {
  const work = (): Promise<never> =>
    new Promise((_resolve, reject) => clock.setTimer(() => reject(error), afterMs))
  return guard.run(work).catch((rejected: unknown) => rejected)
}

type Ask = (guard: Guard, clock: ManualClock, afterMs: number) => Promise<unknown>
const abortError = Object.assign(new Error('aborted', { cause: timeout() }), { name: 'AbortError' })
const ways: [string, Ask][] = [
  ['deadlineMs', (guard, _clock, deadlineMs) => codeOf(guard.run(hang, { deadlineMs }))],
  ['a signal', (guard, clock, ms) => callWithSignal(guard, clock, timeout(), ms)],
  [
    'the signal of a request',
    (guard, clock, ms) => callWithSignal(guard, clock, new SpillwayError('SPW_ERR_DEADLINE'), ms),
  ],
  [
    'the signal of another call',
    (guard, clock, ms) =>
      callWithSignal(guard, clock, new SpillwayError('SPW_ERR_CALL_TIMEOUT'), ms),
  ],
  ['a timeout within', (guard, clock, ms) => callWithin(guard, clock, timeout(), ms)],
  [
    'an abort within that a timeout caused',
    (guard, clock, ms) => callWithin(guard, clock, abortError, ms),
  ],
  [
    'a client’s timeout within',
    (guard, clock, ms) =>
      callWithin(guard, clock, Object.assign(new Error(), { code: 'ETIMEDOUT' }), ms),
  ],
]

describe.each(ways)('a timeout by %s', (_name, ask) => {
  test.each([20, 3])('cuts off a downstream that hangs, at a limit of %d', async (limit) => {
    const { clock, guard } = setUp({ limit: fixedLimit(limit), queue: { maxSize: 0 } })
    for (let call = 0; call < 20; call += 1) expect(await guard.run(answer)).toBe('row')
    const calls: Promise<unknown>[] = []
    for (let ms = 0; ms < 3000 && guard.breaker?.state === 'closed'; ms += 20) {
      calls.push(ask(guard, clock, 300))
      clock.advance(20)
      await turns()
    }
    expect(guard.stats().breaker).toMatchObject({ opened: 1 })
    clock.advance(300)
    await Promise.all(calls)
    clock.advance(500)
    for (let call = 0; call < 15; call += 1) expect(await guard.run(answer)).toBe('row')
    expect(guard.breaker?.state).toBe('closed')
  })

  test('is load, and no failure while others are answered', async () => {
    const { clock, guard } = setUp()
    for (let round = 0; round < 50; round += 1) {
      const slow = Array.from({ length: 4 }, () => ask(guard, clock, 300))
      clock.advance(150)
      expect(await guard.run(answer)).toBe('row')
      clock.advance(150)
      await Promise.all(slow)
      await turns()
    }
    expect(guard.stats().breaker).toMatchObject({ opened: 0, failures: 0 })
    expect(guard.stats().released).toEqual({ success: 50, dropped: 200, ignored: 0 })
  })
})

test.each([
  ['the platform’s timeout', timeout()],
  ['the deadline of a request', new SpillwayError('SPW_ERR_DEADLINE')],
])(
  'a caller whose signal aborts by %s gets a 504 with the reason as its cause',
  async (_name, reason) => {
    const { clock, guard } = setUp()
    const answered = callWithSignal(guard, clock, reason, 300)
    clock.advance(300)
    expect(await answered).toMatchObject({
      code: 'SPW_ERR_CALL_TIMEOUT',
      statusCode: 504,
      reason: 'deadline',
      cause: reason,
    })
    const late = guard.run(answer, { signal: AbortSignal.abort(reason) })
    await expect(late).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE', cause: reason })
  },
)

test.each([
  ['hung up', new DOMException('x', 'AbortError')],
  ['hung up and says why', new Error('bye')],
])('a caller that %s is no evidence', async (_name, reason) => {
  const { clock, guard } = setUp()
  const calls = Array.from({ length: 20 }, () => callWithSignal(guard, clock, reason, 300))
  clock.advance(300)
  for (const error of await Promise.all(calls))
    expect(error).toMatchObject({ code: 'SPW_ERR_CANCELLED' })
  expect(guard.stats().breaker).toMatchObject({ state: 'closed', failures: 0, ignored: 20 })
})

test.each(ways.slice(0, 4))(
  'one by %s that was shorter than calls take says nothing',
  async (_name, ask) => {
    const { clock, guard } = setUp({ limit: fixedLimit(100) })
    for (let call = 0; call < 20; call += 1) {
      const slow = guard.run(
        () => new Promise<string>((resolve) => clock.setTimer(() => resolve('row'), 300)),
      )
      clock.advance(300)
      await slow
    }
    const calls = Array.from({ length: 50 }, () => ask(guard, clock, 120))
    clock.advance(120)
    await Promise.all(calls)
    await turns()
    expect(guard.stats().breaker).toMatchObject({ opened: 0, failures: 0 })
    expect(guard.stats().released).toMatchObject({ dropped: 0 })
  },
)

test.each(ways.slice(0, 4))(
  'one by %s that is shorter than `minTimeoutMs` opens nothing',
  async (_name, ask) => {
    const { clock, guard } = setUp({ limit: fixedLimit(100) })
    const calls = Array.from({ length: 50 }, () => ask(guard, clock, 99))
    clock.advance(99)
    await Promise.all(calls)
    expect(guard.stats().breaker).toMatchObject({ opened: 0, failures: 0, ignored: 50 })
    const telling = Array.from({ length: 50 }, () => ask(guard, clock, 100))
    clock.advance(100)
    await Promise.all(telling)
    expect(guard.stats().breaker).toMatchObject({ opened: 1 })
  },
)

test('a downstream that keeps such a deadline itself, and is faster than our timer, says nothing either', async () => {
  const { clock, guard } = setUp({ limit: fixedLimit(100) })
  for (let call = 0; call < 20; call += 1) {
    const slow = guard.run(
      () => new Promise<string>((resolve) => clock.setTimer(() => resolve('row'), 300)),
    )
    clock.advance(300)
    await slow
  }
  const cancelled = Object.assign(new Error('no'), { statusCode: 504 })
  const keepers: ((error: unknown) => void)[] = []
  const keeps = (): Promise<never> => new Promise((_resolve, reject) => keepers.push(reject))
  const calls = Array.from({ length: 50 }, () => codeOf(guard.run(keeps, { deadlineMs: 120 })))
  clock.advance(119)
  clock.block(1)
  for (const reject of keepers) reject(cancelled)
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['SPW_ERR_CALL_TIMEOUT']))
  expect(guard.stats().breaker).toMatchObject({ opened: 0, failures: 0 })
  expect(guard.stats().released).toMatchObject({ dropped: 0 })
})

describe('half-open, a guard', () => {
  async function halfOpen(): Promise<{ clock: ManualClock; guard: Guard }> {
    const world = setUp()
    const refuses = (): Promise<never> =>
      Promise.reject(Object.assign(new Error(), { code: 'ECONNREFUSED' }))
    for (let call = 0; call < 10; call += 1) await codeOf(world.guard.run(refuses))
    expect(world.guard.breaker?.state).toBe('open')
    world.clock.advance(250)
    return world
  }

  /** As while closed: nine of ten calls never make it in time, and the tenth is well. */
  test('finds a downstream that answers some and not the others', async () => {
    const { clock, guard } = await halfOpen()
    const calls: Promise<unknown>[] = []
    let steps = 0
    for (; guard.breaker?.state !== 'closed' && steps < 6000; steps += 1) {
      const isWell = steps % 10 === 0
      calls.push(isWell ? codeOf(guard.run(answer)) : codeOf(guard.run(hang, { deadlineMs: 400 })))
      clock.advance(10)
      await turns()
    }
    expect(steps * 10).toBeLessThanOrEqual(20_000)
    clock.advance(400)
    await Promise.all(calls)
  })

  test('is not kept from honest callers by those whose calls say nothing', async () => {
    const { clock, guard } = await halfOpen()
    const calls: Promise<unknown>[] = []
    let steps = 0
    for (; guard.breaker?.state !== 'closed' && steps < 6000; steps += 1) {
      // Hang up after 120 ms, forty times a second.
      if (steps % 5 !== 0) calls.push(callWithSignal(guard, clock, new Error('bye'), 120))
      else calls.push(codeOf(guard.run(answer)))
      clock.advance(25)
      await turns()
    }
    expect(steps * 25).toBeLessThanOrEqual(1500)
    clock.advance(400)
    await Promise.all(calls)
  })
})

test('what is time enough is told by calls of the same kind, where that is named', async () => {
  const released = async (workload: string | undefined): Promise<object> => {
    const { clock, guard } = setUp()
    const take = async (ms: number, kind: string | undefined): Promise<void> => {
      const call = guard.run(
        () =>
          new Promise<void>((resolve) => {
            clock.setTimer(resolve, ms)
          }),
        { workload: kind },
      )
      clock.advance(ms)
      await call
    }
    for (let call = 0; call < 20; call += 1) {
      await take(4000, workload === undefined ? undefined : 'report')
      await take(5, workload)
    }
    const calls = Array.from({ length: 10 }, () =>
      codeOf(guard.run(hang, { deadlineMs: 500, workload })),
    )
    clock.advance(500)
    await Promise.all(calls)
    await turns()
    return guard.stats().released
  }
  expect(await released('item')).toMatchObject({ dropped: 10, ignored: 0 })
  // Nobody knows whether these are the fast ones.
  expect(await released(undefined)).toMatchObject({ dropped: 0, ignored: 10 })
})

describe('a process that stood still when the time of calls was up', () => {
  test.each([
    ['stops', hang],
    [
      'ends in the end',
      (signal: AbortSignal): Promise<string> =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            resolve('row')
          })
        }),
    ],
  ])('says nothing about the downstream, whose work %s', async (_name, work) => {
    const { clock, guard } = setUp()
    const calls = Array.from({ length: 20 }, () => codeOf(guard.run(work, { deadlineMs: 500 })))
    clock.freeze(3000)
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['SPW_ERR_CALL_TIMEOUT']))
    await turns()
    expect(guard.stats()).toMatchObject({
      running: 0,
      released: { success: 0, dropped: 0, ignored: 20 },
      breaker: { state: 'closed', failures: 0 },
    })
  })
})

test('what cannot be looked at is an error like any other, and the permit comes back', async () => {
  const { clock, guard } = setUp()
  const hostile = new Proxy(new Error('x'), {
    get(): never {
      throw new Error('trap')
    },
  })
  const late = guard.run(
    (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(hostile)
        })
      }),
    { deadlineMs: 500 },
  )
  const early = guard.run(async () => Promise.reject(hostile))
  await expect(early).rejects.toBe(hostile)
  const expired = codeOf(late)
  clock.advance(500)
  expect(await expired).toBe('SPW_ERR_CALL_TIMEOUT')
  await turns()
  expect(guard.stats()).toMatchObject({ running: 0, inFlight: 0 })
})
