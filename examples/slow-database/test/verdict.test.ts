import { describe, expect, it } from 'vitest'
import type { Summary } from '../src/accounting/summary.ts'
import type { Outcome } from '../src/verdict.ts'
import { doubt, judge } from '../src/verdict.ts'

const slow: Summary = {
  phase: 'slow',
  durationMs: 10_000,
  arrivedPerSecond: 300,
  possiblePerSecond: 40,
  goodPerSecond: 39,
  goodputRatio: 0.975,
  criticalRatio: 0.95,
  counts: { good: 390, refused: 2600, refused_late: 0, failed: 0, timed_out: 0 },
  answered: { p50Ms: 400, p99Ms: 900 },
  refused: { p50Ms: 1, p99Ms: 8 },
  refusedInside: { p50Ms: 0.2, p99Ms: 1 },
}

const good: Outcome = { slow, answered: slow.answered, recoveryMs: 300, deadlineMs: 1000 }

const bad: [string, Outcome][] = [
  ['goodput', { ...good, slow: { ...slow, goodputRatio: 0.94 } }],
  ['orders', { ...good, slow: { ...slow, criticalRatio: 0.91 } }],
  ['answers', { ...good, answered: { p50Ms: 500, p99Ms: 1000.4 } }],
  ['no answers', { ...good, answered: { p50Ms: undefined, p99Ms: undefined } }],
  ['a slow way back', { ...good, recoveryMs: 1100 }],
  ['no way back', { ...good, recoveryMs: undefined }],
  ['slow refusals', { ...good, slow: { ...slow, refusedInside: { p50Ms: 1, p99Ms: 5.1 } } }],
]

describe('verdict', () => {
  it('is met when every bar is', () => {
    expect(judge(good).every(({ isMet }) => isMet)).toBe(true)
  })

  it.each(bad)('misses exactly one bar for %s', (_, outcome) => {
    expect(judge(outcome).filter(({ isMet }) => !isMet)).toHaveLength(1)
  })
})

describe('doubt', () => {
  it.each([1.02, 1, 0.9])(
    'has none when the bare shop was well with %d of the possible',
    (ratio) => {
      expect(doubt({ ...slow, phase: 'healthy', goodputRatio: ratio })).toBeUndefined()
    },
  )

  it.each([
    [0.89, '89 %'],
    [0.048, '5 %'],
    [0, '0 %'],
  ])('has some when it was not with %d', (goodputRatio, text) => {
    expect(doubt({ ...slow, phase: 'healthy', goodputRatio })).toContain(`answered ${text} of`)
  })
})
