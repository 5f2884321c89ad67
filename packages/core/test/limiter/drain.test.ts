import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Permit, Refusal, Waiter } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'

function setUp(): { clock: ManualClock; limiter: Limiter; told: Refusal[]; waiter: Waiter } {
  const clock = new ManualClock()
  const told: Refusal[] = []
  const waiter = { admitted: () => undefined, refused: (one: Refusal) => void told.push(one) }
  return {
    clock,
    limiter: createLimiter({ name: 'db', limit: fixedLimit(1), clock }),
    told,
    waiter,
  }
}

test('a drained queue is empty at once, and everybody in it knows why', () => {
  const { clock, limiter, told, waiter } = setUp()
  limiter.tryAcquire()
  for (const priority of ['critical', 'low'] as const) limiter.admit({ priority }, waiter)
  limiter.admit({ partition: 'a tenant' }, waiter)
  limiter.drain()
  expect(told).toHaveLength(3)
  for (const { reason, code } of told) {
    expect({ reason, code }).toEqual({ reason: 'circuit_open', code: 'SPW_ERR_CIRCUIT_OPEN' })
  }
  expect(limiter.stats()).toMatchObject({ queued: 0, inFlight: 1 })
  expect(limiter.stats().refused.critical.circuit_open).toBe(1)
  expect(clock.pendingTimers).toBe(0)
})

test('after a drain the limiter works as before', () => {
  const { limiter, told, waiter } = setUp()
  const permit = limiter.tryAcquire()
  limiter.drain()
  const admitted: Permit[] = []
  limiter.admit({}, { ...waiter, admitted: (one) => void admitted.push(one) })
  permit?.release()
  expect(admitted).toHaveLength(1)
  expect(told).toEqual([])
})

test('who asks again when it is told waits anew, even under overload, when the newest go first', () => {
  const { clock, limiter, told, waiter } = setUp()
  limiter.tryAcquire()
  const again: Waiter = { ...waiter, refused: () => void limiter.admit({}, waiter) }
  for (let call = 0; call < 3; call += 1) limiter.admit({ deadlineMs: 10_000 }, again)
  clock.advance(400)
  limiter.drain()
  expect(limiter.queued).toBe(3)
  expect(told).toEqual([])
})

test('an abort after the drain tells nobody a second time', () => {
  const { limiter, told, waiter } = setUp()
  limiter.tryAcquire()
  const caller = new AbortController()
  limiter.admit({ signal: caller.signal }, waiter)
  limiter.drain()
  caller.abort()
  expect(told).toHaveLength(1)
})
