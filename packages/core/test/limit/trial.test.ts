import type { Outcome, Sample } from '@spillway/core'
import { describe, expect, test } from 'vitest'
import type { Trial, TrialVerdict } from '../../src/limit/adaptive/trial.ts'
import { TrialSchedule } from '../../src/limit/adaptive/trial.ts'

interface World {
  readonly schedule: TrialSchedule
  now: number
}

interface Calls {
  readonly perSecond?: number
  readonly durationMs?: number
  readonly inFlight?: number
  readonly outcome?: Outcome
  readonly patienceMs?: number
}

function setUp(): World {
  const schedule = new TrialSchedule()
  schedule.restart(0)
  return { schedule, now: 0 }
}

function sampleAt(now: number, calls: Calls): Sample {
  const { durationMs = 800, inFlight = 10, outcome = 'success', patienceMs = 1000 } = calls
  const startedAt = now - durationMs
  return { startedAt, durationMs, waitedMs: 1, inFlight, outcome, workload: undefined, patienceMs }
}

/** Calls end at an even rate until a trial begins. */
function watch(world: World, untilMs: number, calls: Calls = {}): Trial | undefined {
  const { perSecond = 10, durationMs = 800 } = calls
  while (world.now < untilMs) {
    world.now += 1000 / perSecond
    const times = { now: world.now, wallNow: world.now, roundTripMs: durationMs }
    const trial = world.schedule.observe(sampleAt(world.now, calls), 10, times)
    if (trial !== undefined) return trial
  }
  return undefined
}

function play(world: World, trial: Trial, calls: Calls): TrialVerdict {
  const untilMs = world.now + 20_000
  while (world.now < untilMs) {
    world.now += 1000 / (calls.perSecond ?? 10)
    const verdict = trial.observe(sampleAt(world.now, calls), world.now)
    if (verdict === 'undecided') continue
    world.schedule.ended(verdict, world.now)
    return verdict
  }
  return 'undecided'
}

describe('a trial of a much lower limit', () => {
  test('begins when calls take more than half of the patience of their callers', () => {
    expect(watch(setUp(), 60_000, { durationMs: 490 })).toBeUndefined()
    expect(watch(setUp(), 60_000, { durationMs: 510 })).toMatchObject({ before: 10, limit: 5 })
  })

  test('halves what is in flight, which may be less than the limit', () => {
    expect(watch(setUp(), 60_000, { inFlight: 8 })).toMatchObject({ before: 10, limit: 4 })
  })

  test('waits until the calls are back that were in flight when the limit moved', () => {
    const world = setUp()
    watch(world, 60_000, { durationMs: 800 })
    // A round trip for those, two for as many answers as there are, and the rest of the turn.
    expect(world.now).toBeGreaterThan(3 * 800)
    expect(world.now).toBeLessThan(3 * 800 + 2000 + 200)
  })

  test('begins at the same moment wherever the wall clock is the same', () => {
    const begins = [0, 130, 710].map((lateMs) => {
      const world = setUp()
      world.now = lateMs
      world.schedule.restart(lateMs)
      watch(world, 60_000, { perSecond: 100 })
      return world.now
    })
    expect(Math.max(...begins) - Math.min(...begins)).toBeLessThan(10)
  })

  test('is kept when as many answers come back, and sooner', () => {
    const world = setUp()
    const trial = watch(world, 60_000)!
    expect(play(world, trial, { durationMs: 400 })).toBe('kept')
  })

  test('may be followed by another when it was kept', () => {
    const world = setUp()
    play(world, watch(world, 60_000)!, { durationMs: 400 })
    world.schedule.restart(world.now)
    expect(watch(world, world.now + 10_000, { inFlight: 5 })).toBeDefined()
  })

  test.each([
    ['fewer answers come back', { perSecond: 5, durationMs: 400 }],
    ['calls take as long as before', { durationMs: 800 }],
    ['what comes back is no answer', { durationMs: 400, outcome: 'dropped' as const }],
  ])('is given up when %s', (_why, calls) => {
    const world = setUp()
    expect(play(world, watch(world, 60_000)!, calls)).toBe('given_up')
  })

  test('that was given up is not repeated for half a minute, and then for twice as long each time', () => {
    const world = setUp()
    const pauses: number[] = []
    for (let trial = 0; trial < 6; trial += 1) {
      const from = world.now
      const begun = watch(world, world.now + 1_000_000)!
      pauses.push(world.now - from)
      play(world, begun, { perSecond: 5 })
    }
    for (const [index, least] of [30_000, 60_000, 120_000, 240_000, 300_000].entries()) {
      expect(pauses[index + 1]).toBeGreaterThanOrEqual(least)
      expect(pauses[index + 1]).toBeLessThan(least + 6000)
    }
  })

  test('does not begin at a limit of one', () => {
    const world = setUp()
    const times = { wallNow: 0, roundTripMs: 800 }
    for (let now = 0; now < 60_000; now += 100) {
      const sample = sampleAt(now, { inFlight: 1 })
      expect(world.schedule.observe(sample, 1, { ...times, now, wallNow: now })).toBeUndefined()
    }
  })
})
