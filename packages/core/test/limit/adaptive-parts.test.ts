import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import { Congestion } from '../../src/limit/adaptive/congestion.ts'
import { Elasticity } from '../../src/limit/adaptive/elasticity.ts'
import { Moments } from '../../src/limit/adaptive/moments.ts'
import { Pace } from '../../src/limit/adaptive/pace.ts'
import { compareSteps } from '../../src/limit/adaptive/search.ts'
import { decideMove, neutralElasticity, nextSwing } from '../../src/limit/adaptive/settle.ts'
import type { Evidence } from '../../src/limit/adaptive/settle.ts'
import { slotAt, slotLengthMs } from '../../src/limit/adaptive/slots.ts'
import { WorkloadBaselines } from '../../src/limit/adaptive/workload-baselines.ts'
import type { Outcome, Sample } from '../../src/limit/limit.ts'

function sample(durationMs: number, outcome: Outcome = 'success', patienceMs = 1000): Sample {
  const rest = { startedAt: 0, waitedMs: 0, inFlight: 1, workload: undefined }
  return { durationMs, outcome, patienceMs, ...rest }
}

describe('slots', () => {
  test('are the same for instances whose monotonic clocks differ', () => {
    const young = new ManualClock(1_700_000_000_000)
    const old = new ManualClock(1_700_000_000_000 - 60_000)
    old.advance(60_000)
    for (let step = 0; step < 50; step += 1) {
      const [a, b] = [slotAt(young, young.now(), 500), slotAt(old, old.now(), 500)]
      expect([a.pair, a.isSecond, a.sign]).toEqual([b.pair, b.isSecond, b.sign])
      young.advance(137)
      old.advance(137)
    }
  })

  test('contain the moment they were asked for and follow each other without a gap', () => {
    const clock = new ManualClock(1_700_000_000_123)
    let slot = slotAt(clock, clock.now(), 500)
    for (let step = 0; step < 20; step += 1) {
      expect(slot.startsAt).toBeLessThanOrEqual(clock.now())
      expect(slot.endsAt).toBeGreaterThan(clock.now())
      clock.advance(slot.endsAt - clock.now())
      const next = slotAt(clock, clock.now(), 500)
      expect(next.startsAt).toBeCloseTo(slot.endsAt, 6)
      slot = next
    }
  })

  test('of one pair have opposite signs, and either may come first', () => {
    const clock = new ManualClock(1_700_000_000_000)
    const firstSigns = new Set<number>()
    for (let pair = 0; pair < 32; pair += 1) {
      const first = slotAt(clock, clock.now(), 500)
      clock.advance(500)
      const second = slotAt(clock, clock.now(), 500)
      clock.advance(500)
      expect([first.pair, first.sign]).toEqual([second.pair, -second.sign])
      firstSigns.add(first.sign)
    }
    expect(firstSigns.size).toBe(2)
  })

  test('are as long as three calls, in powers of two, with hysteresis', () => {
    expect(slotLengthMs(500, 20)).toBe(500)
    expect(slotLengthMs(500, 200)).toBe(1000)
    expect(slotLengthMs(1000, 130)).toBe(1000)
    expect(slotLengthMs(1000, 100)).toBe(500)
    expect(slotLengthMs(500, 1e9)).toBe(4000)
  })
})

describe('moments', () => {
  test('give the logarithm of the mean and its variance', () => {
    const moments = new Moments()
    for (const latency of [1, 3]) moments.add(latency, 10)
    expect(moments.latency).toBeCloseTo(Math.log(2))
    expect(moments.load).toBeCloseTo(Math.log(10))
    expect(moments.variance).toBeCloseTo(0.25 / 2, 3)
  })
})

describe('workload baselines', () => {
  test('measure each workload against itself', () => {
    const baselines = new WorkloadBaselines()
    for (let count = 0; count < 20; count += 1) {
      baselines.relative('light', 10)
      baselines.relative('heavy', 400)
    }
    expect(baselines.relative('light', 20)).toBeCloseTo(2)
    expect(baselines.relative('heavy', 800)).toBeCloseTo(2)
  })

  test('stay as they are within a round and follow between rounds, with an index of the rise', () => {
    const baselines = new WorkloadBaselines()
    for (let count = 0; count < 20; count += 1) baselines.relative('a', 10)
    baselines.endRound()
    const { index } = baselines
    for (let count = 0; count < 50; count += 1) expect(baselines.relative('a', 20)).toBeCloseTo(2)
    baselines.endRound()
    expect(baselines.relative('a', 20)).toBeCloseTo(1)
    expect(baselines.index - index).toBeCloseTo(Math.log(2))
  })

  test('let an outlier count as four times the usual at most', () => {
    const baselines = new WorkloadBaselines()
    for (let count = 0; count < 20; count += 1) baselines.relative('a', 10)
    expect(baselines.relative('a', 1e9)).toBe(4)
  })

  test('are bounded: workloads past the 256th share one', () => {
    const baselines = new WorkloadBaselines()
    for (let index = 0; index < 10_000; index += 1) baselines.relative(`tenant-${index}`, 10)
    for (let count = 0; count < 20; count += 1) baselines.relative('new-1', 100)
    expect(baselines.relative('new-2', 100)).toBeLessThan(11)
    expect(baselines.relative('__proto__', 10)).toBeGreaterThan(0)
  })

  test('do not divide by a latency of zero', () => {
    expect(new WorkloadBaselines().relative('a', 0)).toBe(1)
  })
})

describe('elasticity', () => {
  const comparison = { latency: 0.2, load: 0.2, variance: 0.01 }

  test('is the slope of latency against load', () => {
    const elasticity = new Elasticity(0.8)
    for (let pair = 0; pair < 20; pair += 1) elasticity.add(comparison)
    expect(elasticity.towards(0, 0.001)).toBeCloseTo(1, 2)
    expect(elasticity.atMost(0)).toBeCloseTo(1)
  })

  test('is what was assumed while little is known', () => {
    const elasticity = new Elasticity(0.8)
    expect(elasticity.towards(0.9, 4)).toBe(0.9)
    expect(elasticity.atMost(2)).toBe(Infinity)
    elasticity.add({ ...comparison, variance: 10 })
    expect(elasticity.towards(0.9, 4)).toBeCloseTo(0.9, 2)
  })

  test('forgets, at once or as the limit moves away', () => {
    const elasticity = new Elasticity(0.8)
    elasticity.add({ latency: 0, load: 0.2, variance: 0.001 })
    elasticity.fade(10)
    expect(elasticity.towards(0.9, 4)).toBeCloseTo(0.9, 2)
    elasticity.forget()
    expect(elasticity.towards(0.9, 4)).toBe(0.9)
  })

  test('trusts pairs less that disagree by more than their noise', () => {
    const [calm, upset] = [new Elasticity(0.8), new Elasticity(0.8)]
    for (let pair = 0; pair < 20; pair += 1) {
      calm.add({ latency: 0.02, load: 0.2, variance: 0.001 })
      upset.add({ latency: pair % 2 === 0 ? 0.32 : -0.28, load: 0.2, variance: 0.001 })
    }
    expect(calm.disagreement).toBe(1)
    expect(upset.disagreement).toBeGreaterThan(10)
    expect(upset.atMost(2)).toBeGreaterThan(calm.atMost(2))
  })
})

describe('the search', () => {
  const at = (limit: number, latencyFactor: number, variance = 1e-6) => ({
    limit,
    latency: Math.log(latencyFactor),
    variance,
  })

  test.each([
    ['goes on upwards while latency stays', at(20, 1), at(30, 1.05), 'knee_above'],
    ['turns round when latency rises in full', at(20, 4), at(30, 6), 'knee_below'],
    ['goes on downwards while latency falls in full', at(20, 4), at(13.3, 2.67), 'knee_below'],
    ['asks for more calls while it is too noisy', at(20, 1, 0.01), at(30, 1.1, 0.01), 'unclear'],
  ])('%s', (_, before, after, kind) => {
    expect(compareSteps(before, after).kind).toBe(kind)
  })

  test.each([
    ['upwards', at(20, 1), at(30, 1.25)],
    ['downwards', at(30, 1.25), at(20, 1)],
  ])('finds a knee of 24 between 20 and 30, %s, and leaves it a tenth of room', (_, a, b) => {
    const finding = compareSteps(a, b)
    expect(finding).toMatchObject({ kind: 'knee' })
    if (finding.kind === 'knee') expect(finding.limit).toBeCloseTo(26.4, 1)
  })
})

describe('a move of the settled limit', () => {
  const neutral: Evidence = {
    limit: 25,
    swing: 0.1,
    elasticity: neutralElasticity(25, 0),
    latenessRatio: 0.05,
    latestAtMost: 1.3,
  }

  test.each([
    ['stays at the neutral elasticity', {}, 'at_the_knee', 1],
    ['grows when latency hardly depends on it', { elasticity: 0.2 }, 'concurrency_helps', 1.08],
    [
      'shrinks when calls are late and only wait',
      { latenessRatio: 0.6 },
      'concurrency_hurts',
      0.976,
    ],
    ['shrinks when throughput falls', { elasticity: 1.5 }, 'concurrency_hurts', 0.93],
  ] as const)('%s', (_, change, reason, factor) => {
    const move = decideMove({ ...neutral, ...change })
    expect(move.reason).toBe(reason)
    expect(move.limit / 25).toBeCloseTo(factor, 1)
  })

  test('lets the larger of two limits shrink and the smaller grow at the same elasticity', () => {
    expect(decideMove({ ...neutral, limit: 4 }).limit).toBeGreaterThan(4)
    expect(decideMove({ ...neutral, limit: 100 }).limit).toBeLessThan(100)
  })

  test('swings wider while that is free, and as much as the noise asks for', () => {
    expect(nextSwing(0.1, { ...neutral, elasticity: 1 }, 0)).toBeCloseTo(0.12)
    expect(nextSwing(0.35, { ...neutral, elasticity: 1 }, 0)).toBe(0.35)
    expect(nextSwing(0.1, neutral, 0)).toBe(0.1)
    expect(nextSwing(0.1, neutral, 0.2)).toBeCloseTo(0.18)
    expect(nextSwing(0.1, neutral, 9)).toBe(0.25)
  })

  test('swings much wider when the knee is surely far above', () => {
    expect(nextSwing(0.1, { ...neutral, latestAtMost: 0.3 }, 0)).toBe(0.25)
  })
})

describe('congestion', () => {
  const growth = { limit: 22, reason: 'concurrency_helps' } as const

  test('stops growth without proof once calls have become slow little by little', () => {
    const congestion = new Congestion()
    for (let level = 0; level < 0.7; level += 0.05) congestion.observe(level, 20)
    expect(congestion.veto(20, growth, 0.5)).toEqual({ limit: 19.8, reason: 'congested' })
    expect(congestion.veto(20, growth, 0.05)).toEqual(growth)
    expect(congestion.veto(20, { limit: 18, reason: 'concurrency_hurts' }, 0.5).limit).toBe(18)
  })

  test('takes a jump of the latency for the doing of the downstream', () => {
    const congestion = new Congestion()
    congestion.observe(0, 20)
    congestion.shift(Math.log(10))
    congestion.observe(Math.log(10), 20)
    expect(congestion.veto(20, growth, 0.5)).toEqual(growth)
  })

  test('retreats by a fifth at most, and no more when latency comes back', () => {
    const congestion = new Congestion()
    congestion.observe(0, 20)
    congestion.observe(1, 20)
    let limit = 20
    for (let pair = 0; pair < 100; pair += 1) {
      limit = congestion.veto(limit, { ...growth, limit: limit * 1.1 }, 0.5).limit
    }
    expect(limit).toBeGreaterThanOrEqual(15.5)
    congestion.observe(0.1, limit)
    expect(congestion.veto(limit, growth, 0.5)).toEqual(growth)
  })
})

describe('pace', () => {
  test('calls it a blackout when most calls are dropped, not when some are', () => {
    const pace = new Pace()
    for (let call = 0; call < 300; call += 1) {
      pace.add(sample(1000, call % 3 === 0 ? 'dropped' : 'success'))
      expect(pace.isBlackout).toBe(false)
    }
    for (let call = 0; call < 8; call += 1) pace.add(sample(1000, 'dropped'))
    expect(pace.isBlackout).toBe(true)
  })

  test('follows duration and lateness', () => {
    const pace = new Pace()
    for (let call = 0; call < 200; call += 1) pace.add(sample(200, 'success', 400))
    expect(pace.durationMs).toBeCloseTo(200, 0)
    expect(pace.latenessRatio).toBeCloseTo(0.5, 2)
  })
})
