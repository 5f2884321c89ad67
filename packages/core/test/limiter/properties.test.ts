import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { script } from './model/action.ts'
import {
  allCounts,
  endEverything,
  expectBooksToAgree,
  expectClean,
  expectCountsToAgree,
} from './model/books.ts'
import { World } from './model/world.ts'

// A second on an idle machine; a busy one, with coverage, needs more.
vi.setConfig({ testTimeout: 60_000 })

const worldOptions = fc.record({
  limit: fc.integer({ min: 1, max: 4 }),
  maxSize: fc.constantFrom(0, 1, 2, 3, 8, 100),
  queueMaxWaitMs: fc.constantFrom(undefined, undefined, 0, 50),
})

// Whether a waiter is told once, in time, in order and within the limit is judged when it is told.
test('whatever happens in whatever order: the books agree and everybody is answered once', async () => {
  await fc.assert(
    fc.asyncProperty(worldOptions, script, async (options, actions) => {
      const world = new World(options)
      for (const action of actions) {
        await world.playOut(action)
        expectBooksToAgree(world)
      }
      await endEverything(world)
      expectClean(world)
      expectCountsToAgree(world)
    }),
    { numRuns: 1000 },
  )
})

test('counts never shrink, and those of everybody answered add up', async () => {
  await fc.assert(
    fc.asyncProperty(worldOptions, script, async (options, actions) => {
      const world = new World(options)
      let before = allCounts(world.limiter.stats())
      for (const action of actions) {
        await world.playOut(action)
        const after = allCounts(world.limiter.stats())
        if (after.some((calls, index) => calls < before[index]!)) expect(after).toEqual(before)
        before = after
      }
      expectCountsToAgree(world)
    }),
    { numRuns: 300 },
  )
})

test('each release shows the limit one sample, of the call that was released', async () => {
  await fc.assert(
    fc.asyncProperty(worldOptions, script, async (options, actions) => {
      const world = new World(options)
      for (const action of actions) await world.playOut(action)
      await endEverything(world)
      const { samples } = world.limit
      const { success, dropped, ignored } = world.released
      expect(samples).toHaveLength(success + dropped + ignored)
      expect(new Set(samples).size).toBe(samples.length)
      for (const sample of samples) {
        expect(sample.inFlight).toBeGreaterThanOrEqual(1)
        expect(sample.durationMs).toBeGreaterThanOrEqual(0)
        expect(sample.waitedMs).toBeGreaterThanOrEqual(0)
      }
    }),
    { numRuns: 300 },
  )
})
