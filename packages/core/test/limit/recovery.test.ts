import type { Sample } from '@spillway/core'
import { describe, expect, test } from 'vitest'
import type { Recovery } from '../../src/limit/adaptive/recovery.ts'
import { endOfRecovery } from '../../src/limit/adaptive/recovery.ts'

const recovery = (fastestMs: number): Recovery => ({
  kind: 'recovery',
  target: 40,
  since: 0,
  hasGrown: true,
  fastestMs,
})

const sample = (durationMs: number, inFlight: number): Sample => ({
  startedAt: 0,
  durationMs,
  waitedMs: 1,
  inFlight,
  outcome: 'success',
  workload: undefined,
  patienceMs: 1000,
})

describe('a recovery', () => {
  test('goes on while calls take less than a third of their patience', () => {
    expect(endOfRecovery(sample(330, 10), recovery(20), 12)).toBeUndefined()
  })

  test('ends at what would have taken a third when calls wait in line', () => {
    expect(endOfRecovery(sample(360, 10), recovery(40), 12)).toBeCloseTo(9.26, 2)
    expect(endOfRecovery(sample(900, 18), recovery(40), 20)).toBeCloseTo(6.67, 2)
  })

  test('goes on where every call takes a little more than a third by itself', () => {
    expect(endOfRecovery(sample(360, 10), recovery(340), 12)).toBeUndefined()
    expect(endOfRecovery(sample(600, 14), recovery(340), 15)).toBeCloseTo(7.78, 2)
  })

  test('never ends above its limit', () => {
    expect(endOfRecovery(sample(410, 20), recovery(40), 5)).toBe(5)
  })
})
