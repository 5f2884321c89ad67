import { createLimiter, fixedLimit, systemClock } from '@spillway/core'
import { expect, onTestFinished, test } from 'vitest'

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

test('a moment that is past comes soon, one that no timer can hold later, and Node warns of neither', async () => {
  const warnings: string[] = []
  const listen = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', listen)
  onTestFinished(() => void process.off('warning', listen))
  const far: unknown[] = []
  for (const delayMs of [2 ** 31, 1e15, Infinity]) {
    const timer = systemClock.setTimer(() => far.push(delayMs), delayMs)
    onTestFinished(() => systemClock.clearTimer(timer))
  }
  for (const delayMs of [-1, -0.5, -1e15, -Infinity, 0]) {
    await new Promise<void>((resolve) => systemClock.setTimer(resolve, delayMs))
  }
  // Warnings come one turn late.
  await new Promise((resolve) => setImmediate(resolve))
  expect({ warnings, far }).toEqual({ warnings: [], far: [] })
})

test('the wait ends by the system clock when no other is given', async () => {
  const limiter = createLimiter({ name: 'db', limit: fixedLimit(1) })
  limiter.tryAcquire()
  const before = systemClock.now()
  await expect(limiter.acquire({ maxWaitMs: 20 })).rejects.toMatchObject({ reason: 'waited' })
  expect(systemClock.now() - before).toBeGreaterThan(18)
})
