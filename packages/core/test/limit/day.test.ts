import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { adaptiveLimit, aimdLimit, fixedLimit, gradientLimit, vegasLimit } from '@spillway/core'
import { expect, test } from 'vitest'
import { Day } from './day/day.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Heap after a full collection, in bytes. */
function heapUsed(): number {
  gc()
  return process.memoryUsage().heapUsed
}

/**
 * The day makes tens of thousands of names of two kilobytes each: a map that kept those of the
 * admitted calls alone would hold 40 MB. 256 of them are half a megabyte; the rest is what a process
 * grows by anyway while it runs for the first time (4 MB were seen with a limit that keeps nothing).
 */
const maxGrowthBytes = 12_000_000

test.each([
  ['adaptive', adaptiveLimit({ minLimit: 2, maxLimit: 300 }), 2, 300],
  ['gradient2', gradientLimit({ minLimit: 2, maxLimit: 300 }), 2, 300],
  ['vegas', vegasLimit({ maxLimit: 300 }), 1, 300],
  ['aimd', aimdLimit({ minLimit: 2, maxLimit: 300 }), 2, 300],
  ['fixed', fixedLimit(10), 10, 10],
] as const)(
  'after 24 hours of rushes, slowness, blackouts and suspensions nothing is left of them: %s',
  async (_name, limit, min, max) => {
    const before = heapUsed()
    const day = new Day(limit)
    day.pass()
    // Who was pushed out of the queue is told in a microtask, and the day is a single task.
    await new Promise(setImmediate)
    const { limiter, clock, range, asked, answered } = day
    const growth = heapUsed() - before
    expect(growth).toBeLessThan(maxGrowthBytes)
    expect({
      inFlight: limiter.inFlight,
      queued: limiter.queued,
      timers: clock.pendingTimers,
    }).toEqual({
      inFlight: 0,
      queued: 0,
      timers: 0,
    })
    expect(asked).toBeGreaterThan(40_000)
    expect(answered).toBe(asked)
    expect(range.lowest).toBeGreaterThanOrEqual(min)
    expect(range.highest).toBeLessThanOrEqual(max)
    expect(Number.isInteger(limiter.limit)).toBe(true)
    expect(Number.isFinite(limiter.stats().meanDurationMs)).toBe(true)
  },
  60_000,
)
