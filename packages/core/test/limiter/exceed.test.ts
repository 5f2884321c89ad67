import { createLimiter } from '@spillway/core'
import type { Limiter, Mode, Permit } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

interface SetUp {
  readonly clock: ManualClock
  readonly limit: MovableLimit
  readonly limiter: Limiter
}

function setUp(mode: Mode = 'enforce'): SetUp {
  const clock = new ManualClock()
  const limit = new MovableLimit(1)
  return {
    clock,
    limit,
    limiter: createLimiter({ name: 'door', clock, limit: limit.factory, mode }),
  }
}

function ask(limiter: Limiter, answer = true): { admitted: Permit | undefined; asked: number[][] } {
  const asked: number[][] = []
  const mayExceed = (limit: number, now: number): boolean => {
    asked.push([limit, now])
    return answer
  }
  const admission = limiter.admit({ mayExceed }, undefined)
  return { admitted: admission.kind === 'permit' ? admission : undefined, asked }
}

describe('a call that may exceed the limit', () => {
  test('is not even asked while something is free', () => {
    const { limit, limiter } = setUp()
    const { admitted, asked } = ask(limiter)
    expect(asked).toEqual([])
    admitted!.release()
    expect(limit.samples).toHaveLength(1)
  })

  test('runs when nothing is, counts as in flight, and tells the limit nothing', () => {
    const { clock, limit, limiter } = setUp()
    const first = limiter.tryAcquire()!
    clock.advance(7)
    const { admitted, asked } = ask(limiter)
    expect(asked).toEqual([[1, 7]])
    expect(limiter.inFlight).toBe(2)
    first.release()
    expect(limiter.tryAcquire()).toBeUndefined()
    clock.advance(3)
    admitted!.release('dropped')
    expect(admitted).toMatchObject({ durationMs: 3 })
    expect(limiter.inFlight).toBe(0)
    expect(limit.samples).toHaveLength(1)
    expect(limiter.stats()).toMatchObject({ admitted: { default: 1 }, released: { dropped: 0 } })
  })

  test('is treated like any other when it says no', () => {
    const { limiter } = setUp()
    limiter.tryAcquire()
    expect(ask(limiter, false).admitted).toBeUndefined()
    expect(limiter.stats().refused.default.limit).toBe(1)
  })

  test('is refused for all that has nothing to do with the limit', () => {
    const { limiter } = setUp()
    limiter.tryAcquire()
    const mayExceed = (): boolean => true
    expect(limiter.admit({ mayExceed, deadlineMs: 0 }, undefined)).toMatchObject({
      reason: 'deadline',
    })
    expect(limiter.wouldRefuse({ mayExceed })).toBeUndefined()
    expect(limiter.check({ mayExceed })).toBeUndefined()
    limiter.close()
    expect(limiter.admit({ mayExceed }, undefined)).toMatchObject({ reason: 'closed' })
  })

  test.each(['observe', 'off'] as const)('comes back however the mode is: %s', (mode) => {
    const { limiter } = setUp(mode)
    const permits = [ask(limiter), ask(limiter), ask(limiter)].map(({ admitted }) => admitted!)
    expect(limiter.inFlight).toBe(3)
    limiter.mode = 'enforce'
    for (const permit of permits) permit.release()
    expect(limiter.inFlight).toBe(0)
  })
})
