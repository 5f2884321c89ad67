import { badClocks } from '@spillway/test-support'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BreakerOptions } from '../src/index.ts'
import { createBreaker } from '../src/index.ts'
import { openTimeMs } from '../src/open-time.ts'
import { parseOptions } from '../src/options.ts'
import { judgeRound } from '../src/probe-ramp.ts'

test('defaults', () => {
  expect(parseOptions({ name: 'db' })).toMatchObject({
    name: 'db',
    windowMs: 1000,
    minimumCalls: 10,
    failureRatio: 0.5,
    slowCallMs: undefined,
    slowCallRatio: 0.8,
    openMs: 500,
    maxOpenMs: 800,
    maxProbes: 8,
    probeIntervalMs: 500,
    timeoutMs: 10_000,
    minTimeoutMs: 100,
  })
  expect(parseOptions({ name: 'db', openMs: 5000 }).maxOpenMs).toBe(5000)
})

test.each([
  [{}, 'Expected `name` to be a non-empty string, got undefined'],
  [
    { name: 'db', windowMs: 99 },
    'Expected `windowMs` to be a number of milliseconds of at least 100',
  ],
  [
    { name: 'db', minimumCalls: 0 },
    'Expected `minimumCalls` to be a positive integer, got 0 (number)',
  ],
  [{ name: 'db', failureRatio: 50 }, 'Expected `failureRatio` to be a ratio from 0 to 1'],
  [{ name: 'db', slowCallMs: -1 }, '`slowCallMs`'],
  [{ name: 'db', slowCallRatio: 2 }, '`slowCallRatio`'],
  [{ name: 'db', openMs: 0 }, '`openMs`'],
  [
    { name: 'db', openMs: 900, maxOpenMs: 800 },
    '`maxOpenMs` to be a number of milliseconds of at least 900',
  ],
  [{ name: 'db', maxProbes: 0.5 }, '`maxProbes` to be an integer from 1 to 1024'],
  [{ name: 'db', probeIntervalMs: 0 }, '`probeIntervalMs`'],
  [
    { name: 'db', timeoutMs: -1 },
    'Expected `timeoutMs` to be a number of milliseconds of at least 1, got -1 (number)',
  ],
  [{ name: 'db', minTimeoutMs: -1 }, '`minTimeoutMs`'],
  [{ name: 'db', isFailure: true }, 'Expected `isFailure` to be a function'],
  [{ name: 'db', random: 4 }, 'Expected `random` to be a function'],
  [{ name: 'db', resetTimeout: 4 }, 'Unknown option `options.resetTimeout`, expected one of name,'],
])('%j is refused', (options, message) => {
  expect(() => createBreaker(options as BreakerOptions)).toThrow(message)
})

test("the caller's options stay as they are, frozen or not", () => {
  const options = { name: 'db' }
  createBreaker(options)
  createBreaker(Object.freeze({ name: 'db' }))
  expect(options).toEqual({ name: 'db' })
})

test('an open time lies between half of its bound and the bound, and the bound never shrinks', () => {
  const anyTime = fc.record({
    openMs: fc.integer({ min: 1, max: 1000 }),
    more: fc.nat(10_000),
    attempt: fc.nat(2000),
    luck: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  })
  fc.assert(
    fc.property(anyTime, ({ openMs, more, attempt, luck }) => {
      const maxOpenMs = openMs + more
      const at = (turn: number, random: number): number =>
        openTimeMs({ openMs, maxOpenMs, attempt: turn }, random)
      expect(at(attempt, luck)).toBeGreaterThanOrEqual(openMs / 2)
      expect(at(attempt, luck)).toBeLessThanOrEqual(maxOpenMs)
      expect(at(attempt + 1, luck)).toBeGreaterThanOrEqual(at(attempt, luck))
    }),
  )
  expect(
    [0, 0.5].map((luck) => openTimeMs({ openMs: 500, maxOpenMs: 800, attempt: 0 }, luck)),
  ).toEqual([250, 375])
})

describe('a round', () => {
  test.each([
    [{ width: 4, good: 1, bad: 2 }, 'undecided'],
    [{ width: 4, good: 0, bad: 3 }, 'failed'],
    [{ width: 4, good: 2, bad: 2 }, 'widen'],
    [{ width: 8, good: 4, bad: 4 }, 'recovered'],
    [{ width: 8, good: 3, bad: 4 }, 'undecided'],
    [{ width: 1, good: 0, bad: 1 }, 'failed'],
  ] as const)('%j: %s', (round, verdict) => {
    expect(judgeRound(round, 0.5, 8)).toBe(verdict)
  })

  test('that failed altogether has failed under every ratio', () => {
    expect(judgeRound({ width: 2, good: 0, bad: 2 }, 1, 8)).toBe('failed')
  })
})

test.each(badClocks)('a clock that is none: $what', ({ clock }) => {
  expect(() => createBreaker({ name: 'db', clock })).toThrow('Expected `clock` to be ')
})
