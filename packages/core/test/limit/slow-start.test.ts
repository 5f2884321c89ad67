import { describe, expect, test } from 'vitest'
import type { SlowStartFinding } from '../../src/limit/adaptive/slow-start.ts'
import { SlowStart } from '../../src/limit/adaptive/slow-start.ts'
import { UsualLatency } from '../../src/limit/adaptive/usual-latency.ts'

const sample = {
  startedAt: 0,
  durationMs: 1,
  outcome: 'success',
  workload: undefined,
  patienceMs: 1000,
} as const

/** Calls that take so many times the usual, some a little more and some less. */
function play(
  phase: SlowStart,
  calls: number,
  facts: { readonly inFlight: number; readonly limit: number; readonly ratio: number },
): SlowStartFinding {
  let finding: SlowStartFinding = { kind: 'nothing' }
  for (let call = 0; call < calls; call += 1) {
    const latency = facts.ratio * (0.9 + 0.05 * (call % 5))
    finding = phase.observe(
      { ...sample, waitedMs: 0, inFlight: facts.inFlight },
      latency,
      facts.limit,
    )
    if (finding.kind === 'harm') return finding
  }
  return finding
}

function unmetFor(rounds: number, ratio = 1): { phase: SlowStart; usual: UsualLatency } {
  const usual = new UsualLatency()
  const phase = new SlowStart(20, usual, 0)
  for (let round = 0; round < rounds; round += 1) {
    play(phase, 64, { inFlight: 15, limit: 20, ratio })
    phase.endRound(20, 10, 0)
  }
  return { phase, usual }
}

describe('slow start', () => {
  test('grows with each call that met the limit while calls take what they took', () => {
    const { phase } = unmetFor(3)
    const grown = play(phase, 8, { inFlight: 20, limit: 20, ratio: 1 })
    expect(grown).toEqual({ kind: 'grow', limit: 20.5 })
  })

  test('does not grow when no call meets the limit', () => {
    const { phase } = unmetFor(3)
    expect(play(phase, 100, { inFlight: 19, limit: 20, ratio: 1 }).kind).toBe('nothing')
  })

  test('ends at the calls in flight that showed no harm', () => {
    const { phase } = unmetFor(3)
    const found = play(phase, 200, { inFlight: 60, limit: 60, ratio: 2 })
    expect(found.kind).toBe('harm')
    if (found.kind !== 'harm') return
    expect(found.limit).toBeGreaterThan(26)
    expect(found.limit).toBeLessThan(40)
  })

  test('never ends below what was not met', () => {
    const { phase } = unmetFor(3)
    const found = play(phase, 200, { inFlight: 20, limit: 20, ratio: 10 })
    expect(found.kind).toBe('harm')
    if (found.kind === 'harm') expect(found.limit).toBeGreaterThanOrEqual(19)
  })

  test('blames the limit for no more than it can have done', () => {
    const { phase, usual } = unmetFor(3)
    const found = play(phase, 200, { inFlight: 20, limit: 20, ratio: 10 })
    expect(found.kind).toBe('harm')
    if (found.kind === 'harm') expect(found.level).toBeGreaterThan(usual.level + Math.log(2))
  })

  test('a change of the mix is no harm: the fastest calls take what they took', () => {
    const usual = new UsualLatency()
    const phase = new SlowStart(20, usual, 0)
    const mixed = (calls: number, slowOf10: number, inFlight: number): SlowStartFinding => {
      let finding: SlowStartFinding = { kind: 'nothing' }
      for (let call = 0; call < calls; call += 1) {
        const latency = (call * 7) % 10 < slowOf10 ? 15 : 1
        finding = phase.observe({ ...sample, waitedMs: 0, inFlight }, latency, 20)
      }
      return finding
    }
    mixed(100, 2, 10)
    phase.endRound(20, 10, 0)
    expect(mixed(100, 6, 20).kind).toBe('grow')
  })

  test('follows a downstream that becomes slow while nothing meets the limit', () => {
    const { phase } = unmetFor(3)
    for (let round = 0; round < 20; round += 1) {
      play(phase, 64, { inFlight: 15, limit: 20, ratio: 5 })
      phase.endRound(20, 10, 0)
    }
    expect(play(phase, 40, { inFlight: 20, limit: 20, ratio: 5 }).kind).toBe('grow')
  })

  test('what is not met sinks to what was used, and not below the floor', () => {
    const { phase } = unmetFor(1)
    play(phase, 10, { inFlight: 30, limit: 50, ratio: 1 })
    expect(phase.endRound(50, 10, 0)).toBeCloseTo(48)
    play(phase, 10, { inFlight: 47, limit: 48, ratio: 1 })
    expect(phase.endRound(48, 10, 0)).toBe(47)
    expect(phase.endRound(10.1, 10, 0)).toBe(10)
    expect(phase.endRound(8, 10, 0)).toBe(8)
  })
})
