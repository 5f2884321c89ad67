import { createLimiter, fixedLimit, modes } from '@spillway/core'
import type { AcquireOptions, Limiter } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'

function limiter(maxSize = 0): Limiter {
  return createLimiter({
    name: 'door',
    clock: new ManualClock(),
    limit: fixedLimit(1),
    queue: { maxSize },
  })
}

const asks: readonly AcquireOptions[] = [
  {},
  { priority: 'critical' },
  { deadlineMs: 0 },
  { signal: AbortSignal.abort() },
]

test.each(asks)('a check refuses as a look does, and counts it: %j', (ask) => {
  for (const isTaken of [false, true]) {
    const door = limiter()
    if (isTaken) door.tryAcquire()
    const forecast = door.wouldRefuse(ask)
    expect(door.check(ask)).toEqual(forecast)
    const { reason } = forecast ?? { reason: 'limit' }
    const counts = door.stats().refused[ask.priority ?? 'default']
    expect(counts[reason]).toBe(forecast === undefined ? 0 : 1)
    expect(door.stats()).toMatchObject({ inFlight: isTaken ? 1 : 0, queued: 0 })
  }
})

test('a check takes nothing: whoever was not refused may be so later, or wait', () => {
  const door = limiter(1)
  expect(door.check()).toBeUndefined()
  door.tryAcquire()
  expect(door.check()).toBeUndefined()
  const waiter = { admitted: () => {}, refused: () => {} }
  expect(door.admit({}, waiter).kind).toBe('waiting')
  expect(door.check()).toMatchObject({ reason: 'limit' })
})

test.each(modes)('refuses only where that is enforced: %s', (mode) => {
  const door = limiter()
  door.tryAcquire()
  door.mode = mode
  expect(door.check()?.reason).toBe(mode === 'enforce' ? 'limit' : undefined)
  const { wouldHaveRefused } = door.stats()
  expect(wouldHaveRefused.default.limit).toBe(0)
  door.close()
  expect(door.check()?.reason).toBe('closed')
})
