import { createLimiter, fixedLimit, systemClock } from '@spillway/core'
import { expect, test } from 'vitest'

test('the system clock goes forward, in fractions of milliseconds', async () => {
  const before = systemClock.now()
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 20))
  const elapsedMs = systemClock.now() - before
  // Node may run a timer up to a millisecond early by the finer clock.
  expect(elapsedMs).toBeGreaterThan(18)
  expect(Math.abs(systemClock.wallNow() - Date.now())).toBeLessThan(1000)
})

test('a timer that was cleared does not run, one that has run can be cleared', async () => {
  const runs: string[] = []
  const cleared = systemClock.setTimer(() => runs.push('cleared'), 5)
  systemClock.clearTimer(cleared)
  let kept: unknown
  await new Promise<void>((resolve) => {
    kept = systemClock.setTimer(resolve, 15)
  })
  systemClock.clearTimer(kept)
  expect(runs).toEqual([])
})

test('the wait ends by the system clock when no other is given', async () => {
  const limiter = createLimiter({ name: 'db', limit: fixedLimit(1) })
  limiter.tryAcquire()
  const before = systemClock.now()
  await expect(limiter.acquire({ maxWaitMs: 20 })).rejects.toMatchObject({ reason: 'waited' })
  expect(systemClock.now() - before).toBeGreaterThan(18)
})
