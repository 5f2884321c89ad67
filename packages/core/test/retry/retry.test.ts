import { getEventListeners } from 'node:events'
import {
  callerDeadline,
  createAdaptiveThrottle,
  createRetry,
  createRetryBudget,
  delayBeforeRetry,
  parseRetryAfter,
  SpillwayError,
  wasNeverSent,
} from '@spillway/core'
import type { Attempt, RetryBudget, RetryCallOptions, RetryOptions } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { beforeEach, describe, expect, test } from 'vitest'

let clock: ManualClock
let budget: RetryBudget
let attempts: Attempt[]

beforeEach(() => {
  clock = new ManualClock()
  budget = createRetryBudget({ clock })
  for (let index = 0; index < 100; index += 1) budget.countRequest()
  attempts = []
})

const failure = new Error('boom')
const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })

type AllOptions = RetryOptions & RetryCallOptions

function retry<T>(work: (attempt: Attempt) => Promise<T>, all: AllOptions = {}): Promise<T> {
  const { priority, deadlineMs, signal, ...options } = all
  return createRetry(options).run(work, { priority, deadlineMs, signal })
}

function run(options: AllOptions = {}, error: unknown = failure): Promise<unknown> {
  const work = async (attempt: Attempt): Promise<never> => {
    attempts.push(attempt)
    throw error
  }
  return retry(work, { budget, clock, random: () => 0.5, idempotent: true, ...options })
}

/** Lets what was resolved run on, and the clock go on between. */
async function drain(ms = 1000): Promise<void> {
  for (let index = 0; index < 20; index += 1) {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    clock.advance(ms / 20)
  }
}

async function outcome(call: Promise<unknown>): Promise<unknown> {
  const settled = call.catch((error: unknown) => error)
  await drain()
  return settled
}

describe('retry', () => {
  test('runs what succeeds once', async () => {
    expect(await retry(async () => 7, { budget })).toBe(7)
    expect(budget.stats()).toMatchObject({ requests: 101, retries: 0 })
  })

  test('tries again until it succeeds, and tells the attempts apart', async () => {
    const work = async ({ attempt }: Attempt): Promise<number> => {
      if (attempt < 3) throw failure
      return attempt
    }
    const call = retry(work, { budget, clock, idempotent: true })
    expect(await outcome(call)).toBe(3)
    expect(budget.stats().retries).toBe(2)
    expect(clock.pendingTimers).toBe(0)
  })

  test('throws the last error as it is after three attempts', async () => {
    expect(await outcome(run())).toBe(failure)
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  })

  test('tries nothing again that may have been done', async () => {
    expect(await outcome(run({ idempotent: false }))).toBe(failure)
    expect(attempts).toHaveLength(1)
  })

  test('tries again what was provably never sent', async () => {
    expect(await outcome(run({ idempotent: false }, refused))).toBe(refused)
    expect(attempts).toHaveLength(3)
  })

  test.each(['SPW_ERR_LIMIT_EXCEEDED', 'SPW_ERR_CALL_TIMEOUT', 'SPW_ERR_CLOSED'] as const)(
    'never tries %s of this process again',
    async (code) => {
      const error = new SpillwayError(code)
      expect(await outcome(run({}, error))).toBe(error)
      expect(attempts).toHaveLength(1)
    },
  )

  test('tries again only what the caller says', async () => {
    expect(await outcome(run({ isRetryable: () => false }))).toBe(failure)
    expect(attempts).toHaveLength(1)
  })

  test('stops when the budget is empty', async () => {
    const empty = createRetryBudget({ clock })
    expect(await outcome(run({ budget: empty }))).toBe(failure)
    expect(attempts).toHaveLength(1)
    expect(empty.stats()).toEqual({ requests: 1, retries: 0, refusedTotal: 1 })
  })

  test('waits as long as Retry-After says, and not less', async () => {
    const call = run({ retryAfterMs: () => 5000, maxAttempts: 2, random: () => 0 })
    call.catch(() => undefined)
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    clock.advance(4999)
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    expect(attempts).toHaveLength(1)
    clock.advance(1)
    expect(await outcome(call)).toBe(failure)
    expect(attempts).toHaveLength(2)
  })

  test.each([{ deadlineMs: 1000 }, {}])(
    'gives up at once on a Retry-After that is absurd, with %j',
    async (options) => {
      await expect(run({ ...options, retryAfterMs: () => 1e15 })).rejects.toBe(failure)
      expect(clock.now()).toBe(0)
      expect(clock.pendingTimers).toBe(0)
    },
  )

  test('does not wait for a retry that would be after the deadline', async () => {
    await expect(run({ deadlineMs: 20, random: () => 0.9 })).rejects.toBe(failure)
    expect(clock.now()).toBe(0)
  })

  test('starts nothing for a caller that has gone, or that has no time', async () => {
    const reason = new Error('gone')
    const gone = run({ signal: AbortSignal.abort(reason) })
    await expect(gone).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED', cause: reason })
    // A request's deadline may have passed when it is read.
    for (const deadlineMs of [0, -5, NaN]) {
      await expect(run({ deadlineMs })).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE' })
    }
    expect(attempts).toHaveLength(0)
  })

  test('aborts the attempt at the deadline and tries no more', async () => {
    const work = ({ attempt, signal }: Attempt): Promise<never> => {
      attempts.push({ attempt, signal })
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error)
        })
      })
    }
    const call = retry(work, { budget, clock, idempotent: true, deadlineMs: 100 })
    expect(await outcome(call)).toMatchObject({ name: 'TimeoutError' })
    expect(attempts).toHaveLength(1)
  })

  test('sets up nothing for work that succeeds without its signal', async () => {
    const { signal } = new AbortController()
    let isSeen = false
    const work = async (): Promise<void> => {
      isSeen = clock.pendingTimers > 0 || getEventListeners(signal, 'abort').length > 0
    }
    await retry(work, { clock, signal, deadlineMs: 100 })
    expect(isSeen).toBe(false)
  })

  test('a signal that is read for the first time after the deadline is aborted', async () => {
    const work = async (attempt: Attempt): Promise<unknown> => {
      clock.advance(200)
      return [attempt.signal.aborted, (attempt.signal.reason as Error).name, clock.pendingTimers]
    }
    expect(await retry(work, { clock, deadlineMs: 100 })).toEqual([true, 'TimeoutError', 0])
  })

  test('a signal that is read late is aborted if that is due, and sets up nothing', async () => {
    const controller = new AbortController()
    const reason = new Error('gone')
    let late: Attempt | undefined
    await retry(
      async (attempt) => {
        late = attempt
      },
      { clock, signal: controller.signal, deadlineMs: 100 },
    )
    expect(late?.signal.aborted).toBe(false)
    expect(clock.pendingTimers).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    const call = retry(
      async (attempt) => {
        controller.abort(reason)
        throw attempt.signal.reason
      },
      { clock, signal: controller.signal },
    )
    await expect(call).rejects.toBe(reason)
  })

  test('a deadline longer than a timer can hold is none', async () => {
    const call = retry(async ({ signal }) => signal.aborted, { clock, deadlineMs: 1e12 })
    clock.advance(1000)
    expect(await call).toBe(false)
  })

  test('calls share a budget of their own where none is given, and may differ', async () => {
    const retries = createRetry({ clock, idempotent: true, random: () => 0 })
    for (let index = 0; index < 10; index += 1) await retries.run(async () => 1)
    const work = (): Promise<never> => Promise.reject(failure)
    expect(await outcome(retries.run(work, { idempotent: false }))).toBe(failure)
    expect(retries.budget.stats()).toMatchObject({ requests: 11, retries: 0 })
    expect(await outcome(retries.run(work))).toBe(failure)
    expect(retries.budget.stats()).toMatchObject({ requests: 12, retries: 1, refusedTotal: 1 })
  })

  test('a process that was stopped during a wait does not start an attempt late', async () => {
    const call = run({ deadlineMs: 1000 }).catch((error: unknown) => error)
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    clock.freeze(60_000)
    expect(await call).toMatchObject({ code: 'SPW_ERR_DEADLINE', cause: failure })
    expect(attempts).toHaveLength(1)
  })

  test('leaves no listener and no timer behind 10,000 aborted waits', async () => {
    const controller = new AbortController()
    const rich = createRetryBudget({ clock, retryRatio: 1 })
    for (let index = 0; index < 10_000; index += 1) rich.countRequest()
    const calls = Array.from({ length: 10_000 }, () =>
      run({ budget: rich, signal: controller.signal, deadlineMs: 60_000 }).catch(
        (error: unknown) => error,
      ),
    )
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(10_000)
    expect(clock.pendingTimers).toBe(20_000)
    controller.abort()
    const errors = await Promise.all(calls)
    expect(errors.every((error) => (error as SpillwayError).code === 'SPW_ERR_CANCELLED')).toBe(
      true,
    )
    expect((errors[0] as SpillwayError).cause).toBe(failure)
    expect(attempts).toHaveLength(10_000)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    expect(clock.pendingTimers).toBe(0)
  })

  test('asks nobody that the throttle holds back', async () => {
    const throttle = createAdaptiveThrottle({ clock, random: () => 0.4, minRequests: 1 })
    expect(await outcome(run({ throttle }, refused))).toBe(refused)
    // The second of the attempts was one too many: (1 - 2 * 0) / (1 + 1) > 0.4.
    expect(attempts).toHaveLength(1)
    await expect(run({ throttle })).rejects.toMatchObject({ code: 'SPW_ERR_THROTTLED' })
  })

  test('does not tell the throttle of retries that the budget refuses', async () => {
    const throttle = createAdaptiveThrottle({ clock })
    await outcome(run({ throttle, budget: createRetryBudget({ clock }) }))
    expect(throttle.stats().requests).toBe(1)
  })

  test('tells the throttle what breaker and guard would make of it, whatever is retryable', async () => {
    const told = async (error: unknown, options: AllOptions = {}): Promise<unknown> => {
      const throttle = createAdaptiveThrottle({ clock })
      await outcome(run({ throttle, maxAttempts: 1, ...options }, error))
      const { requests, accepts } = throttle.stats()
      return { requests, accepts }
    }
    const accepted = { requests: 1, accepts: 1 }
    const refusal = { requests: 1, accepts: 0 }
    const nothing = { requests: 0, accepts: 0 }
    const notFound = Object.assign(new Error('x'), { statusCode: 404 })
    const unavailable = Object.assign(new Error('x'), { statusCode: 503 })
    expect(await told(failure)).toEqual(accepted)
    expect(await told(new TypeError('x'))).toEqual(accepted)
    expect(await told(notFound, { isRetryable: () => true })).toEqual(accepted)
    expect(await told(unavailable)).toEqual(refusal)
    expect(await told(unavailable, { isRetryable: () => false })).toEqual(refusal)
    expect(await told(new TypeError('fetch failed', { cause: refused }))).toEqual(refusal)
    expect(await told(new SpillwayError('SPW_ERR_CLOSED'))).toEqual(nothing)
    expect(await told(new DOMException('x', 'AbortError'))).toEqual(nothing)
  })

  test.each([
    ['404s', () => Object.assign(new Error('x'), { statusCode: 404 })],
    ['unique violations', () => Object.assign(new Error('x'), { code: '23505' })],
    ['errors of one’s own', () => new Error('no such item')],
    ['mistakes', () => new TypeError('x is undefined')],
  ])('a stranger who causes %s holds nobody back', async (_name, makeError) => {
    const throttle = createAdaptiveThrottle({ clock, random: () => 0 })
    for (let index = 0; index < 200; index += 1) {
      await outcome(run({ throttle }, makeError()))
      expect(await retry(async () => 7, { budget, clock, throttle })).toBe(7)
    }
    expect(throttle.stats()).toMatchObject({ rejectRatio: 0, rejectedTotal: 0 })
  })

  test('what the throttle holds back pays for no retry', async () => {
    const throttle = createAdaptiveThrottle({ clock, random: () => 0, minRequests: 1 })
    throttle.refuse()
    const before = budget.stats().requests
    await expect(run({ throttle })).rejects.toMatchObject({ code: 'SPW_ERR_THROTTLED' })
    expect(budget.stats().requests).toBe(before)
  })

  test('deadlines that nobody could meet do not make the throttle hold others back', async () => {
    const throttle = createAdaptiveThrottle({ clock, random: () => 0 })
    const late = (attempt: Attempt): Promise<never> =>
      new Promise((_resolve, reject) => {
        attempt.signal.addEventListener('abort', () => reject(attempt.signal.reason))
      })
    const ask = async (deadlineMs: number): Promise<void> => {
      const call = retry(late, { budget, clock, throttle, deadlineMs }).catch(() => undefined)
      clock.advance(deadlineMs)
      await call
    }
    for (let index = 0; index < 50; index += 1) await ask(1)
    expect(throttle.stats().requests).toBe(0)
    await ask(400)
    expect(throttle.stats()).toMatchObject({ requests: 1, accepts: 0 })
  })

  test.each([
    ['the signal’s reason', (signal: AbortSignal): unknown => signal.reason],
    ['an error of its own', (): unknown => new Error('stopped')],
  ])('a timeout that came as a signal is a timeout, when the work says %s', async (_name, says) => {
    const throttle = createAdaptiveThrottle({ clock })
    const ask = async (reason: unknown, afterMs = 300): Promise<unknown> => {
      const caller = new AbortController()
      const work = ({ signal }: Attempt): Promise<never> =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(says(signal)))
        })
      const call = retry(work, { budget, clock, throttle, signal: caller.signal })
      clock.advance(afterMs)
      caller.abort(reason)
      return call.catch((error: unknown) => error)
    }
    const timeout = new DOMException('x', 'TimeoutError')
    await ask(timeout)
    expect(throttle.stats()).toMatchObject({ requests: 1, accepts: 0 })
    // Less than a downstream is judged by, a caller that hung up, and a deadline of a stranger.
    await ask(timeout, 50)
    await ask(new DOMException('x', 'AbortError'))
    await ask(new SpillwayError('SPW_ERR_DEADLINE', { reason: callerDeadline }))
    expect(throttle.stats()).toMatchObject({ requests: 1, accepts: 0 })
  })

  test('a timeout between two attempts is a deadline, not a caller that left', async () => {
    const caller = new AbortController()
    const call = run({ signal: caller.signal }).catch((error: unknown) => error)
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    caller.abort(new DOMException('x', 'TimeoutError'))
    expect(await call).toMatchObject({ code: 'SPW_ERR_DEADLINE', cause: failure })
  })

  test.each([NaN, -1])('a Retry-After of %d, misread by the caller, is none', async (said) => {
    const startedAt = clock.now()
    const call = run({ retryAfterMs: () => said, maxAttempts: 2 }).catch(() => undefined)
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    expect(attempts).toHaveLength(1)
    // Half of the base delay, as without one.
    clock.advance(25)
    await call
    expect(attempts).toHaveLength(2)
    expect(clock.now() - startedAt).toBe(25)
  })

  test('a caller that leaves tells the throttle nothing about the downstream', async () => {
    const throttle = createAdaptiveThrottle({ clock })
    const controller = new AbortController()
    const work = async (): Promise<never> => {
      controller.abort()
      throw failure
    }
    const call = retry(work, { budget, clock, throttle, signal: controller.signal })
    await expect(call).rejects.toBe(failure)
    expect(throttle.stats().requests).toBe(0)
  })

  test('answers wrong options with their name', async () => {
    expect(() => createRetry({ maxAttempts: 0 })).toThrow(/`maxAttempts`.*positive integer, got 0/)
    await expect(createRetry().run('work' as never)).rejects.toThrow(/`work`/)
    await expect(run({ priority: 'urgent' as 'low' })).rejects.toThrow(/`priority`/)
    for (const deadlineMs of ['50', null, {}]) {
      await expect(run({ deadlineMs: deadlineMs as never })).rejects.toThrow(/`deadlineMs`/)
    }
    for (const signal of ['now', null, {}]) {
      await expect(run({ signal: signal as never })).rejects.toThrow(/`signal`/)
    }
    expect(() => createRetry({ budget: {} as never })).toThrow(/`budget`/)
    expect(() => createRetry({ throttle: {} as never })).toThrow(/`throttle`/)
    expect(() => createRetry({ retries: 3 } as object)).toThrow(/Unknown option/)
  })
})

describe('the wait', () => {
  const backoff = { baseDelayMs: 50, maxDelayMs: 300 }

  test('is uniform below a bound that doubles', () => {
    const bounds = [1, 2, 3, 4, 5].map((attempt) =>
      delayBeforeRetry(attempt, backoff, 1, undefined),
    )
    expect(bounds).toEqual([50, 100, 200, 300, 300])
    expect(delayBeforeRetry(3, backoff, 0, undefined)).toBe(0)
  })

  test('is never shorter than Retry-After', () => {
    expect(delayBeforeRetry(1, backoff, 0, 1000)).toBe(1000)
    expect(delayBeforeRetry(1, backoff, 0.5, 1000)).toBe(1025)
  })
})

describe('Retry-After', () => {
  test.each([
    ['0', 0],
    [' 120 ', 120_000],
    ['99999999999999999999', 1e23],
    ['Tue, 14 Nov 2023 22:13:30 GMT', 10_000],
    ['Tue, 14 Nov 2000 22:13:30 GMT', 0],
    ['Tue, 99 Xxx 2023 22:13:30 GMT', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2023-11-14', undefined],
    [['1', '2'], undefined],
    [undefined, undefined],
  ])('%j is %j ms', (header, expected) => {
    const parsed = parseRetryAfter(header, new ManualClock())
    if (expected === undefined) expect(parsed).toBeUndefined()
    else expect(parsed).toBeCloseTo(expected, -10)
  })
})

describe('never sent', () => {
  const wrapped = new TypeError('fetch failed', { cause: refused })
  const circle: { cause?: unknown } = {}
  circle.cause = circle
  test.each([
    [refused, true],
    [wrapped, true],
    [new AggregateError([refused, refused]), true],
    [new AggregateError([refused, failure]), false],
    [new AggregateError([]), false],
    [Object.assign(new Error('x'), { code: 'EHOSTUNREACH', syscall: 'connect' }), true],
    [Object.assign(new Error('x'), { code: 'ECONNRESET', syscall: 'read' }), false],
    [circle, false],
    ['ECONNREFUSED', false],
    [null, false],
  ])('%o: %s', (error, expected) => {
    expect(wasNeverSent(error)).toBe(expected)
  })
})
