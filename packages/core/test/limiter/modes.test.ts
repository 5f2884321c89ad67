import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Mode, Permit, Refusal, Sample } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

function setUp(mode: Mode, limit = 1): { clock: ManualClock; limiter: Limiter } {
  const clock = new ManualClock()
  return { clock, limiter: createLimiter({ name: 'db', limit: fixedLimit(limit), clock, mode }) }
}

const patient = { admitted: () => undefined, refused: () => undefined }

describe('a limiter that observes', () => {
  test('lets everybody run at once and counts whom it would have refused', () => {
    const { clock, limiter } = setUp('observe')
    limiter.tryAcquire({ priority: 'high' })
    const second = limiter.tryAcquire({ priority: 'low' })
    expect(second?.observed).toMatchObject({ reason: 'limit', code: 'SPW_ERR_LIMIT_EXCEEDED' })
    const third = limiter.admit({ priority: 'low', deadlineMs: 100 }, patient)
    expect(third).toMatchObject({ kind: 'permit', waitedMs: 0, observed: undefined })
    expect(limiter.stats()).toMatchObject({ inFlight: 3, queued: 1, mode: 'observe' })
    clock.advance(200)
    const { refused, wouldHaveRefused } = limiter.stats()
    expect(wouldHaveRefused.low).toMatchObject({ limit: 1, waited: 1 })
    expect(wouldHaveRefused.high).toMatchObject({ limit: 0, waited: 0 })
    expect(refused.low).toMatchObject({ limit: 0, waited: 0 })
  })

  test('counts nobody whose turn would have come', () => {
    const { clock, limiter } = setUp('observe')
    const first = limiter.tryAcquire()
    limiter.admit({}, patient)
    clock.advance(50)
    first?.release()
    expect(limiter.stats()).toMatchObject({ inFlight: 1, queued: 0, admitted: { default: 2 } })
    clock.advance(1000)
    expect(limiter.stats().wouldHaveRefused.default.waited).toBe(0)
  })

  test('keeps the place of a call that ends before its turn would have come, and no permit', () => {
    const { limiter } = setUp('observe')
    const first = limiter.tryAcquire()
    const second = limiter.admit({}, patient) as Permit
    second.release()
    expect(limiter.stats()).toMatchObject({ inFlight: 1, queued: 1 })
    first?.release()
    expect(limiter.stats()).toMatchObject({ inFlight: 0, queued: 0 })
  })

  test('would refuse nobody, whatever it counts', () => {
    const { limiter } = setUp('observe')
    limiter.tryAcquire()
    expect(limiter.wouldRefuse({ deadlineMs: 0 })).toBeUndefined()
    expect(limiter.tryAcquire({ deadlineMs: 0 })?.observed?.reason).toBe('deadline')
  })

  test('tells how long a call ran, with and without a permit', () => {
    const { clock, limiter } = setUp('observe')
    const permits = [limiter.tryAcquire(), limiter.tryAcquire(), limiter.admit({}, patient)]
    clock.advance(30)
    for (const permit of permits) (permit as Permit).release()
    expect(permits).toMatchObject(permits.map(() => ({ startedAt: 0, durationMs: 30 })))
  })

  test('shows the limit how many really ran', () => {
    const limit = new MovableLimit(1)
    const limiter = createLimiter({ name: 'db', limit: limit.factory, mode: 'observe' })
    const first = limiter.tryAcquire()
    for (let call = 0; call < 5; call += 1) limiter.tryAcquire()
    first?.release()
    limiter.tryAcquire()?.release()
    expect(limit.samples.map(({ inFlight }: Sample) => inFlight)).toEqual([1, 6])
  })

  test('refuses once it is closed', () => {
    const { limiter } = setUp('observe')
    limiter.close()
    expect(limiter.wouldRefuse()?.reason).toBe('closed')
    expect(limiter.admit({}, patient)).toMatchObject({ kind: 'refusal', reason: 'closed' })
    expect(limiter.stats().refused.default.closed).toBe(1)
  })
})

describe('a limiter that is off', () => {
  test('lets everybody run, learns nothing and counts nothing but who runs', () => {
    const limit = new MovableLimit(1)
    const limiter = createLimiter({ name: 'db', limit: limit.factory, mode: 'off' })
    const permits = [limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()]
    expect(limiter.inFlight).toBe(3)
    for (const permit of permits) permit?.release()
    const { inFlight, admitted, wouldHaveRefused } = limiter.stats()
    expect({ inFlight, admitted: admitted.default }).toEqual({ inFlight: 0, admitted: 0 })
    expect(wouldHaveRefused.default.limit).toBe(0)
    expect(limit.samples).toEqual([])
  })
})

describe('a limiter whose mode changes', () => {
  test.each(['off', 'observe'] as const)('to %s lets everybody run who waits', (mode) => {
    const { clock, limiter } = setUp('enforce')
    limiter.tryAcquire()
    const permits: Permit[] = []
    limiter.admit({ priority: 'high' }, { ...patient, admitted: (one) => void permits.push(one) })
    clock.advance(20)
    limiter.mode = mode
    expect(permits).toMatchObject([{ priority: 'high', waitedMs: 20 }])
    expect(limiter.stats()).toMatchObject({ inFlight: 2, queued: 0, mode })
  })

  test('to enforce counts those who are in already, and lets the next one in when they have left', () => {
    const { limiter } = setUp('observe', 2)
    const [first, second, third] = [0, 1, 2].map(() => limiter.tryAcquire())
    limiter.mode = 'enforce'
    expect(limiter.tryAcquire()).toBeUndefined()
    third?.release()
    expect(limiter.tryAcquire()).toBeUndefined()
    second?.release()
    expect(limiter.tryAcquire()).toBeDefined()
    first?.release()
    expect(limiter.inFlight).toBe(1)
  })

  test('to enforce forgets the shadows of those who run', () => {
    const { limiter } = setUp('observe')
    limiter.tryAcquire()
    limiter.admit({}, patient)
    limiter.mode = 'enforce'
    expect(limiter.stats()).toMatchObject({ inFlight: 2, queued: 0 })
    const told: Refusal[] = []
    limiter.admit({ deadlineMs: 100 }, { ...patient, refused: (one) => void told.push(one) })
    expect(limiter.queued).toBe(1)
  })

  test('to what is no mode says so, and stays as it was', () => {
    const { limiter } = setUp('observe')
    const set = (): void => {
      limiter.mode = 'on' as never
    }
    expect(set).toThrow(
      `Expected \`mode\` to be one of 'off', 'observe', 'enforce', got "on" (string)`,
    )
    expect(limiter.mode).toBe('observe')
    expect(() => createLimiter({ name: 'db', mode: null as never })).toThrow('Expected `mode`')
  })
})

test('flipping the mode during an overload loses no permit', () => {
  const clock = new ManualClock()
  const limiter = createLimiter({ name: 'db', limit: fixedLimit(50), clock, mode: 'observe' })
  const running = new Map<Permit, number>()
  const refusedBy: Record<Mode, number> = { off: 0, observe: 0, enforce: 0 }
  const order: readonly Mode[] = ['observe', 'enforce', 'off', 'enforce', 'observe', 'enforce']
  for (let now = 0; now < 6000; now += 1) {
    limiter.mode = order[Math.floor(now / 1000)]!
    const permit = limiter.tryAcquire({ deadlineMs: 1000 })
    if (permit === undefined) refusedBy[limiter.mode] += 1
    else running.set(permit, now + 100)
    for (const [one, endsAt] of running) {
      if (endsAt > now) continue
      running.delete(one)
      one.release()
    }
    expect(limiter.inFlight).toBe(running.size)
    clock.advance(1)
  }
  expect(refusedBy).toMatchObject({ off: 0, observe: 0 })
  expect(refusedBy.enforce).toBeGreaterThan(0)
  for (const permit of running.keys()) permit.release()
  expect(limiter.stats()).toMatchObject({ inFlight: 0, queued: 0 })
})
