import { describe, expect, test } from 'vitest'
import { Congestion } from '../../src/limit/adaptive/congestion.ts'
import {
  decideMove,
  minSwing,
  neutralElasticity,
  nextSwing,
  swingAfterJump,
} from '../../src/limit/adaptive/settle.ts'
import type { Evidence } from '../../src/limit/adaptive/settle.ts'

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

  test('moves much further when the knee is surely far above, at the same swing', () => {
    const far = { ...neutral, elasticity: 0, latestAtMost: 0.3 }
    const near = { ...far, latestAtMost: 1 }
    expect(decideMove(far).limit).toBeGreaterThan(1.1 * decideMove(near).limit)
    expect(nextSwing(0.1, far, 0)).toBe(nextSwing(0.1, near, 0))
  })
})

describe('congestion', () => {
  const growth = { limit: 22, reason: 'concurrency_helps' } as const

  test('stops growth without proof once calls have become slow little by little', () => {
    const congestion = new Congestion()
    congestion.begin(0)
    for (let level = 0; level < 0.7; level += 0.05) congestion.veto(level, 20, growth, false)
    expect(congestion.veto(0.7, 20, growth, false).reason).toBe('congested')
    const less = { limit: 18, reason: 'concurrency_hurts' } as const
    expect(congestion.veto(0.7, 20, less, false)).toEqual(less)
  })

  test('lets the limit grow by three tenths on a proof, however far the move would go, and then asks for another', () => {
    for (const times of [1.1, 1.5, 10]) {
      const congestion = new Congestion()
      congestion.begin(0)
      const { limit } = congestion.veto(0.7, 20, { ...growth, limit: 20 * times }, true)
      expect(limit).toBeCloseTo(Math.min(20 * times, 26))
      expect(congestion.veto(0.7, limit, { ...growth, limit: 26 }, false).limit).toBe(26)
      expect(congestion.veto(0.7, 26, { ...growth, limit: 28 }, false).reason).toBe('congested')
    }
  })

  test('ends where calls are clearly faster again, not where one pair happens to be', () => {
    const congestion = new Congestion()
    congestion.begin(0)
    for (const level of [0.7, 0.45, 0.4]) {
      expect(congestion.veto(level, 20, growth, false).reason).toBe('congested')
      expect(congestion.isCongested).toBe(true)
    }
    expect(congestion.veto(0.3, 20, growth, false)).toEqual(growth)
    expect(congestion.isCongested).toBe(false)
    expect(congestion.veto(0.45, 20, growth, false)).toEqual(growth)
  })

  test('takes a jump of the latency for the doing of the downstream', () => {
    const congestion = new Congestion()
    congestion.begin(0)
    congestion.shift(Math.log(10))
    expect(congestion.veto(Math.log(10), 20, growth, false)).toEqual(growth)
  })

  test('retreats by a fifth at most, and no more when latency comes back', () => {
    const congestion = new Congestion()
    congestion.begin(0)
    let limit = 20
    for (let pair = 0; pair < 100; pair += 1) {
      limit = congestion.veto(1, limit, { ...growth, limit: limit * 1.1 }, false).limit
    }
    expect(limit).toBeGreaterThanOrEqual(15.5)
    expect(congestion.veto(0.1, limit, growth, false)).toEqual(growth)
  })
})
