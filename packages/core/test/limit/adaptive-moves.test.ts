import { describe, expect, test } from 'vitest'
import { Congestion } from '../../src/limit/adaptive/congestion.ts'
import { compareSteps, leadsUp } from '../../src/limit/adaptive/search.ts'
import {
  decideMove,
  minSwing,
  neutralElasticity,
  nextSwing,
  swingAfterJump,
} from '../../src/limit/adaptive/settle.ts'
import type { Evidence } from '../../src/limit/adaptive/settle.ts'
import { Unused } from '../../src/limit/adaptive/unused.ts'

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

  test.each([
    [1, true],
    [1.15, true],
    [1.25, false],
    [1.4, false],
  ])('goes where the knee is likelier when it stays unclear: latency times %d', (rise, isUp) => {
    const finding = compareSteps(at(20, 1, 1), at(30, rise, 1))
    expect(finding.kind).toBe('unclear')
    expect(leadsUp(finding)).toBe(isUp)
  })
})

describe('a move of the settled limit', () => {
  const neutral: Evidence = {
    limit: 25,
    swing: 0.1,
    elasticity: neutralElasticity(25, 0),
    variance: 1e-6,
    latenessRatio: 0.05,
    latestAtMost: 1.3,
  }

  test.each([
    ['stays at the neutral elasticity', {}, 'at_the_knee', 1],
    ['grows when latency hardly depends on it', { elasticity: 0.2 }, 'concurrency_helps', 1.067],
    [
      'shrinks when calls are late and only wait',
      { latenessRatio: 0.6, elasticity: 0.85 },
      'concurrency_hurts',
      0.977,
    ],
    ['shrinks when throughput falls', { elasticity: 1.5 }, 'concurrency_hurts', 0.913],
  ] as const)('%s', (_, change, reason, factor) => {
    const move = decideMove({ ...neutral, ...change })
    expect(move.reason).toBe(reason)
    expect(move.limit / 25).toBeCloseTo(factor, 2)
  })

  test('lets the larger of two limits shrink and the smaller grow at the same elasticity', () => {
    expect(decideMove({ ...neutral, limit: 4 }).limit).toBeGreaterThan(4)
    expect(decideMove({ ...neutral, limit: 100 }).limit).toBeLessThan(100)
  })

  test('does not move by what may be noise', () => {
    const low = { ...neutral, limit: 10, elasticity: 0.45 }
    expect(decideMove(low).limit).toBeCloseTo(10 * Math.exp(0.12 * 0.45))
    expect(decideMove({ ...low, variance: 0.45 * 0.45 }).limit).toBeCloseTo(
      10 * Math.exp((0.12 * 0.45) / 2.5),
    )
    expect(decideMove({ ...low, variance: 100 }).limit).toBeCloseTo(10, 2)
    expect(decideMove({ ...low, elasticity: 0.9, variance: 0 }).limit).toBe(10)
  })

  test('a small limit gets a larger experiment than a large one', () => {
    expect([minSwing(1), minSwing(16), minSwing(25), minSwing(1000)]).toEqual([
      0.1, 0.1, 0.08, 0.05,
    ])
  })

  test('swings wider while that is free, and as much as the noise asks for', () => {
    expect(nextSwing(0.1, { ...neutral, elasticity: 1 }, 0)).toBeCloseTo(0.12)
    expect(nextSwing(0.3, { ...neutral, elasticity: 1 }, 0)).toBe(0.3)
    expect(nextSwing(0.08, neutral, 0)).toBe(0.08)
    expect(nextSwing(0.1, neutral, 0.2)).toBeCloseTo(0.18)
    expect(nextSwing(0.1, neutral, 9)).toBe(0.25)
  })

  test('swings wide after a jump of latency: the knee may have moved', () => {
    expect(swingAfterJump(0.05, 'latency_rose')).toBe(0.15)
    expect(swingAfterJump(0.2, 'latency_rose')).toBe(0.2)
    expect(swingAfterJump(0.05, 'latency_fell')).toBe(0.25)
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

  test('measures against the latency of the search', () => {
    const congestion = new Congestion()
    congestion.remember(0)
    congestion.observe(0.6, 20)
    expect(congestion.veto(20, growth, 0.5).reason).toBe('congested')
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

describe('an unused limit', () => {
  test('sinks towards what is used, but not below what limits start with', () => {
    const unused = new Unused()
    expect(unused.sink(50, 30, 20)).toBeCloseTo(48)
    expect(unused.sink(33.5, 30, 20)).toBeCloseTo(33)
    expect(unused.sink(50, 1, 20)).toBeCloseTo(48)
    expect(unused.sink(20.5, 1, 20)).toBe(20)
    expect(unused.sink(8, 1, 20)).toBe(8)
    expect(unused.sink(50, Infinity, 20)).toBe(50)
  })

  test('comes back at once when more calls in flight are more calls served, and only then', () => {
    const [helped, hurt] = [new Unused(), new Unused()]
    let limit = 50
    while (limit > 20) {
      helped.sink(limit, 1, 20)
      limit = hurt.sink(limit, 1, 20)
    }
    expect(helped.restore(limit, 0.3)).toBe(50)
    expect(hurt.restore(limit, 0.9)).toBe(20)
    expect(hurt.restore(limit, 0.3)).toBe(20)
  })
})
