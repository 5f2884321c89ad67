import { adaptiveLimit, fixedLimit, modes } from '@spillway/core'
import {
  allCallOptions,
  badAcquireOptions,
  badClocks,
  ManualClock,
  unknownCallOptions,
} from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { CallOptions } from '../src/index.ts'
import { guardedFetch } from '../src/fetch/index.ts'
import { createGuard } from '../src/index.ts'
import { retryBudget } from '../src/undici/index.ts'

const badOptions = [
  ...badAcquireOptions,
  ...unknownCallOptions,
  {
    what: 'permit: an empty object',
    options: { permit: {} },
    message: 'Expected `permit` to be a permit, which can be paused, got an object',
  },
  {
    what: 'permit: null',
    options: { permit: null },
    message: 'Expected `permit` to be a permit, which can be paused, got null',
  },
]

describe.each(modes.map((mode) => ({ mode })))('a guard in mode $mode', ({ mode }) => {
  test.each(badOptions)('says what is wrong, and keeps nothing of it: $what', async (bad) => {
    const options = bad.options as CallOptions
    let started = 0
    const work = async (): Promise<void> => {
      started += 1
    }
    const clock = new ManualClock()
    const guard = createGuard({ name: 'db', clock, limit: fixedLimit(1), mode, breaker: true })
    const before = guard.stats()
    await expect(guard.run(work, options)).rejects.toThrow(bad.message)
    expect(() => guard.wouldRefuse(options)).toThrow(bad.message)
    expect(guard.stats()).toEqual(before)
    await guard.run(work, {})
    guard.breaker!.open()
    await expect(guard.run(work, options)).rejects.toThrow(bad.message)
    expect({ started, inFlight: guard.limiter.inFlight }).toEqual({ started: 1, inFlight: 0 })
  })
})

test('what a retry is told may be told to a guard', async () => {
  const guard = createGuard({ name: 'db', limit: fixedLimit(1) })
  expect(await guard.run(async () => 'rows', allCallOptions)).toBe('rows')
})

test.each([undefined, null, 5, {}, fetch])('a guarded fetch without a guard: %s', (guard) => {
  expect(() => guardedFetch(guard as never)).toThrow('Expected `guard` to be a guard, got ')
})

test.each(badClocks)('a retry budget for undici with a clock that is none: $what', ({ clock }) => {
  expect(() => retryBudget({ clock })).toThrow('Expected `clock` to be ')
})

test.each(['yes', 1, null, {}])('a retry budget for undici with throttle: %j', (throttle) => {
  const make = (): unknown => retryBudget({ throttle: throttle as never })
  expect(make).toThrow('Expected `throttle` to be true or false')
})

test.each(badOptions)('a guarded fetch asks for nothing: $what', async (bad) => {
  let asked = 0
  const guard = createGuard({ name: 'api', limit: fixedLimit(1) })
  const fetch = guardedFetch(guard, {
    fetch: async (_url: string, _init?: object) => {
      asked += 1
      return new Response()
    },
  })
  const options = bad.options as CallOptions
  const { signal } = new AbortController()
  await expect(fetch('http://localhost', {}, options)).rejects.toThrow(bad.message)
  await expect(fetch('http://localhost', { signal }, options)).rejects.toThrow(bad.message)
  expect({ asked, inFlight: guard.limiter.inFlight }).toEqual({ asked: 0, inFlight: 0 })
})

const noLimits = [10, adaptiveLimit, () => 5]

test.each([true, false])('what makes no limit is refused, with a breaker: %s', (breaker) => {
  for (const limit of noLimits) {
    expect(() => createGuard({ name: 'db', breaker, limit: limit as never })).toThrow(
      'Expected `limit` to be what makes a limit, such as adaptiveLimit() or fixedLimit(10)',
    )
  }
})

test.each([true, false])(
  'a limit that says how often a permit comes free is heard, with a breaker: %s',
  (breaker) => {
    const limit = Object.assign(fixedLimit(1)({ clock: new ManualClock() }), {
      permitIntervalMs: 40,
    })
    const guard = createGuard({ name: 'db', breaker, limit: () => limit })
    guard.limiter.tryAcquire()
    expect(guard.stats().estimatedWaitMs).toBe(40)
  },
)
