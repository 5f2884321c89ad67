import { describe, expect, test } from 'vitest'
import { Validated } from '../../src/limit/adaptive/validated.ts'
import type { Sample } from '../../src/limit/limit.ts'

const sample = (inFlight: number, waitedMs = 0): Sample => ({
  startedAt: 0,
  durationMs: 10,
  waitedMs,
  patienceMs: 1000,
  inFlight,
  outcome: 'success',
  workload: undefined,
})

describe('how much of a limit is validated by use', () => {
  const idle = (calls: number): Validated => {
    const validated = new Validated()
    for (let call = 0; call < calls; call += 1) validated.observe(sample(3), 20)
    return validated
  }

  test('all of it before anything is known', () => {
    expect(new Validated().cap(20)).toBe(20)
  })

  test('half of it, little by little, while calls do not meet it', () => {
    expect([idle(100).cap(20), idle(300).cap(20), idle(10_000).cap(20)]).toEqual([20, 15, 10])
  })

  test('a call more for each call that has met it, by number or by waiting', () => {
    const validated = idle(10_000)
    validated.observe(sample(10), 20)
    expect(validated.cap(20)).toBe(11)
    validated.observe(sample(4, 5), 20)
    expect(validated.cap(20)).toBe(12)
  })

  test('all of it, and the experiment above it, while calls meet it', () => {
    const validated = idle(10_000)
    for (let call = 0; call < 100; call += 1) validated.observe(sample(20, 5), 20)
    expect(validated.cap(26)).toBe(26)
  })

  test('never less than one call', () => {
    const validated = new Validated()
    for (let call = 0; call < 10_000; call += 1) validated.observe(sample(0), 1)
    expect(validated.cap(1)).toBe(1)
  })
})
