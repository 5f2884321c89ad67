import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import { Elasticity } from '../../src/limit/adaptive/elasticity.ts'
import { Moments } from '../../src/limit/adaptive/moments.ts'
import { Pace } from '../../src/limit/adaptive/pace.ts'
import { Drift } from '../../src/limit/adaptive/drift.ts'
import type { PairFinding } from '../../src/limit/adaptive/probe-slot.ts'
import { comparePair, ProbeSlot } from '../../src/limit/adaptive/probe-slot.ts'
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

  test('are as long as a few calls, in powers of two, with hysteresis', () => {
    expect(slotLengthMs(500, 20)).toBe(500)
    expect(slotLengthMs(500, 201)).toBe(1000)
    expect(slotLengthMs(1000, 160)).toBe(1000)
    expect(slotLengthMs(1000, 150)).toBe(500)
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
    for (let count = 0; count < 60; count += 1) {
      baselines.relative('light', 10)
      baselines.relative('heavy', 400)
    }
    expect(baselines.relative('light', 20)).toBeCloseTo(2)
    expect(baselines.relative('heavy', 800)).toBeCloseTo(2)
  })

  test('stay as they are within a round and follow between rounds, with an index of the rise', () => {
    const baselines = new WorkloadBaselines()
    for (let count = 0; count < 60; count += 1) baselines.relative('a', 10)
    baselines.endRound()
    const { index } = baselines
    for (let count = 0; count < 50; count += 1) expect(baselines.relative('a', 20)).toBeCloseTo(2)
    baselines.endRound()
    expect(baselines.relative('a', 20)).toBeCloseTo(1)
    expect(baselines.index - index).toBeCloseTo(Math.log(2))
  })

  test('let an outlier count as four times the usual at most', () => {
    const baselines = new WorkloadBaselines()
    for (let count = 0; count < 60; count += 1) baselines.relative('a', 10)
    expect(baselines.relative('a', 1e9)).toBe(4)
  })

  test('follow a jump in full, which is no outlier', () => {
    const baselines = new WorkloadBaselines()
    for (let count = 0; count < 60; count += 1) baselines.relative('a', 10)
    baselines.endRound()
    for (let count = 0; count < 50; count += 1) baselines.relative('a', 200)
    expect(baselines.jump()).toBeCloseTo(Math.log(20))
    expect(baselines.relative('a', 200)).toBeCloseTo(1)
  })

  test('forget a round that said nothing, so that a jump after it shows in full', () => {
    const baselines = new WorkloadBaselines()
    for (let count = 0; count < 200; count += 1) baselines.relative('a', 10)
    baselines.dropRound()
    for (let count = 0; count < 50; count += 1) baselines.relative('a', 20)
    expect(baselines.jump()).toBeCloseTo(Math.log(2))
  })

  test('are bounded: workloads past the 256th share one', () => {
    const baselines = new WorkloadBaselines()
    for (let index = 0; index < 10_000; index += 1) baselines.relative(`tenant-${index}`, 10)
    for (let count = 0; count < 60; count += 1) baselines.relative('new-1', 100)
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
    expect(elasticity.estimate).toBeCloseTo(1)
    expect(elasticity.variance).toBeCloseTo(0.01 / 0.04 / 5, 2)
    expect(elasticity.atMost(0)).toBeCloseTo(1)
  })

  test('says that it knows nothing', () => {
    const elasticity = new Elasticity(0.8)
    expect(elasticity.variance).toBe(Infinity)
    expect(elasticity.atMost(2)).toBe(Infinity)
  })

  test('forgets, at once or as the limit moves away', () => {
    const elasticity = new Elasticity(0.8)
    elasticity.add({ latency: 0, load: 0.2, variance: 0.001 })
    const { variance } = elasticity
    elasticity.fade(1)
    expect(elasticity.variance).toBeCloseTo(Math.E * variance)
    elasticity.forget()
    expect(elasticity.variance).toBe(Infinity)
  })

  test('trusts pairs less that disagree by more than their noise', () => {
    const [calm, upset] = [new Elasticity(0.8), new Elasticity(0.8)]
    for (let pair = 0; pair < 20; pair += 1) {
      calm.add({ latency: 0.02, load: 0.2, variance: 0.001 })
      upset.add({ latency: pair % 2 === 0 ? 0.32 : -0.28, load: 0.2, variance: 0.001 })
    }
    expect(calm.disagreement).toBe(1)
    expect(upset.variance).toBeGreaterThan(10 * calm.variance)
    expect(upset.disagreement).toBeGreaterThan(10)
    expect(upset.atMost(2)).toBeGreaterThan(calm.atMost(2))
  })

  test('is not the surer to be small the further noise takes it below nothing', () => {
    expect(new Elasticity(0.9).isSurelyBelow(1)).toBe(false)
    for (const slope of [-3, -0.5, -0.1, 0]) {
      const [few, many] = [new Elasticity(0.9), new Elasticity(0.9)]
      const pair = { latency: slope * 0.5, load: 0.5, variance: 0.004 }
      few.add(pair)
      for (let count = 0; count < 10; count += 1) many.add(pair)
      expect(few.isSurelyBelow(0.2)).toBe(false)
      expect(many.isSurelyBelow(0.2)).toBe(true)
    }
  })
})

/** Two slots in a row; calls take `slope` more of the load, and `perMs` more of the time. */
function pairAt(
  startsAt: number,
  facts: {
    readonly signs: readonly [1 | -1, 1 | -1]
    readonly slope: number
    readonly perMs: number
  },
  baselines: WorkloadBaselines,
): readonly [ProbeSlot, ProbeSlot] {
  const slots = facts.signs.map((sign, index) => {
    const from = startsAt + 500 * index
    const slot = new ProbeSlot(
      { pair: 0, isSecond: index === 1, sign, startsAt: from, endsAt: from + 500 },
      20 + 4 * sign,
      undefined,
    )
    for (let now = from; now < from + 500; now += 5) {
      const inFlight = 20 + 4 * sign
      const durationMs = 100 * Math.exp(facts.perMs * now + facts.slope * Math.log(inFlight / 20))
      slot.observe({ ...sample(durationMs), startedAt: now, inFlight }, now, baselines)
    }
    return slot
  })
  return [slots[0]!, slots[1]!]
}

const orders = [
  [1, -1],
  [-1, 1],
] as const
const driftingPairs = orders.flatMap((signs) =>
  [0, 0.5, 1].flatMap((slope) => [-6e-5, 0, 6e-5].map((perMs) => ({ signs, slope, perMs }))),
)

describe('a pair of slots', () => {
  test.each([1000, 3000])(
    'tells what the load does from what time does, with a pair each %d ms',
    (everyMs) => {
      for (const facts of driftingPairs) {
        const baselines = new WorkloadBaselines()
        const drift = new Drift()
        let finding: PairFinding = { kind: 'nothing' }
        for (let pair = 0; pair < 30; pair += 1) {
          finding = comparePair(...pairAt(pair * everyMs, facts, baselines), drift)
          baselines.endRound()
        }
        if (finding.kind !== 'comparison') throw new Error(finding.kind)
        expect(finding.latency / finding.load).toBeCloseTo(facts.slope, 1)
      }
    },
  )

  test('knows of no drift when what it is compared with is from another time', () => {
    const drift = new Drift()
    drift.add(0.5, 1000)
    expect(drift.within(1000)).toBe(0)
    drift.add(0.5, 2000)
    expect(drift.within(1000)).toBeGreaterThan(0)
    drift.forget()
    expect(drift.within(1000)).toBe(0)
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

  test('knows how long a call takes that is met in flight: the long ones, more often', () => {
    const pace = new Pace()
    expect(pace.metDurationMs).toBe(0)
    for (let call = 0; call < 2000; call += 1) pace.add(sample(call % 10 === 0 ? 500 : 10))
    expect(pace.metDurationMs).toBeGreaterThan(350)
  })

  test('follows duration and lateness', () => {
    const pace = new Pace()
    for (let call = 0; call < 200; call += 1) pace.add(sample(200, 'success', 400))
    expect(pace.metDurationMs).toBeCloseTo(200, 0)
    expect(pace.latenessRatio).toBeCloseTo(0.5, 2)
  })
})
