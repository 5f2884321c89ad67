import { allCallOptions, badCallOptions, unknownCallOptions } from '@spillway/test-support'
import { expect, test } from 'vitest'
import type { CallOptions } from '../src/index.ts'
import { makeWorld, trip } from './world.ts'

test('what a guard is told may be told to a breaker', async () => {
  const { breaker } = makeWorld()
  expect(await breaker.run(async () => 'rows', allCallOptions)).toBe('rows')
})

test.each([...badCallOptions, ...unknownCallOptions])(
  'says what is wrong, and asks for no pass: $what',
  async (bad) => {
    const options = bad.options as CallOptions
    let started = 0
    const work = async (): Promise<void> => {
      started += 1
    }
    for (const isOpen of [false, true]) {
      const world = makeWorld()
      if (isOpen) trip(world)
      const before = world.breaker.stats()
      await expect(world.breaker.run(work, options)).rejects.toThrow(bad.message)
      expect(world.breaker.stats()).toEqual(before)
      expect(world.clock.pendingTimers).toBe(0)
    }
    expect(started).toBe(0)
  },
)
