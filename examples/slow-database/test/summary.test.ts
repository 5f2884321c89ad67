import { describe, expect, it } from 'vitest'
import { answeredLatencies, latencies, summarise } from '../src/accounting/summary.ts'
import type { ShopReport } from '../src/shop/process.ts'
import { answer, playedPhase, steadyAnswers } from './recording.ts'

function report(at: number, arrived: number, refusedMs: readonly number[] = []): ShopReport {
  return { at, arrived, open: 0, running: 0, poolWaiting: 0, refusedMs }
}

describe('summary of a phase', () => {
  it('divides good answers by what the database can do', () => {
    const phase = playedPhase({ from: 0, to: 10_200 })
    const answers = steadyAnswers(200, 10_200, 38)
    const { goodPerSecond, possiblePerSecond, goodputRatio } = summarise(
      phase,
      { answers, reports: [] },
      40,
    )
    expect(possiblePerSecond).toBe(40)
    expect(goodPerSecond).toBeCloseTo(38)
    expect(goodputRatio).toBeCloseTo(0.95)
  })

  it('divides by what is offered when that is less', () => {
    const summary = summarise(playedPhase({ rate: 30 }), { answers: [], reports: [] }, 40)
    expect(summary.possiblePerSecond).toBe(30)
    expect(summary.goodputRatio).toBe(0)
    expect(summary.criticalRatio).toBe(0)
  })

  it('counts a request where its client got the answer', () => {
    const phase = playedPhase({ from: 1000, to: 2000 })
    const answers = [
      answer({ sentAt: 900, latencyMs: 350 }),
      answer({ sentAt: 1900, latencyMs: 200 }),
      answer({ sentAt: 1000, latencyMs: 150 }),
    ]
    expect(summarise(phase, { answers, reports: [] }, 40).counts.good).toBe(1)
  })

  it('tells orders from the rest', () => {
    const answers = [
      ...steadyAnswers(200, 10_000, 30, { kind: 'order' }),
      ...steadyAnswers(200, 10_000, 10),
      ...steadyAnswers(200, 10_000, 50, { kind: 'order', outcome: 'refused' }),
    ]
    const { criticalRatio } = summarise(playedPhase(), { answers, reports: [] }, 40)
    expect(criticalRatio).toBeCloseTo(0.75)
  })

  it('takes the arrival rate from the service, not from the client', () => {
    const reports = [report(-100, 0), report(0, 100), report(5000, 1600), report(10_000, 3100)]
    const { arrivedPerSecond } = summarise(playedPhase({ to: 9000 }), { answers: [], reports }, 40)
    expect(arrivedPerSecond).toBeCloseTo(300)
  })

  it('takes the time of refusals from the service, within the phase', () => {
    const reports = [report(100, 0, [50]), report(300, 0, [1, 1, 2]), report(20_000, 0, [70])]
    const { refusedInside } = summarise(playedPhase(), { answers: [], reports }, 40)
    expect(refusedInside.p99Ms).toBeCloseTo(2, 1)
  })
})

describe('latencies', () => {
  it('are undefined of nothing', () => {
    expect(latencies([])).toEqual({ p50Ms: undefined, p99Ms: undefined })
  })

  it('are percentiles in milliseconds, exact to a thousandth', () => {
    const { p50Ms, p99Ms } = latencies(Array.from({ length: 100 }, (_, index) => index + 1))
    expect(p50Ms! / 50).toBeCloseTo(1, 2)
    expect(p99Ms! / 99).toBeCloseTo(1, 2)
  })

  it('count who timed out, and not who was refused', () => {
    const answers = [
      ...Array.from({ length: 90 }, () => answer({ latencyMs: 100 })),
      ...Array.from({ length: 10 }, () => answer({ latencyMs: 1000, outcome: 'timed_out' })),
      ...Array.from({ length: 900 }, () => answer({ latencyMs: 1, outcome: 'refused' })),
    ]
    const { p50Ms, p99Ms } = answeredLatencies(answers)
    expect(p50Ms! / 100).toBeCloseTo(1, 2)
    expect(p99Ms).toBeGreaterThanOrEqual(1000)
  })
})
