import { adaptiveLimit } from '@spillway/core'
import type { AdaptiveLimitOptions, Limit, Sample } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

function setUp(options = {}): { clock: ManualClock; limit: Limit } {
  const clock = new ManualClock()
  return { clock, limit: adaptiveLimit(options)({ clock }) }
}

/**
 * A closed loop in lockstep: as many calls as the limit lets in start together and take what a
 * downstream of `knee` connections makes them take.
 */
function saturate(
  { clock, limit }: ReturnType<typeof setUp>,
  untilMs: number,
  knee: () => number,
  serviceMs: () => number,
  change: Partial<Sample> = {},
): void {
  while (clock.now() < untilMs) {
    const startedAt = clock.now()
    const inFlight = limit.at(startedAt)
    const durationMs = serviceMs() * Math.max(1, inFlight / knee())
    clock.advance(durationMs)
    for (let call = 0; call < inFlight; call += 1) {
      limit.onSample(
        {
          startedAt,
          durationMs,
          waitedMs: 1,
          inFlight,
          outcome: 'success',
          workload: undefined,
          patienceMs: 1000,
          ...change,
        },
        clock.now(),
      )
    }
  }
}

describe('the adaptive limit', () => {
  test.each([5, 20, 100])('finds a knee of %i', (knee) => {
    const world = setUp()
    saturate(
      world,
      30_000,
      () => knee,
      () => 20,
    )
    expect(world.limit.current).toBeGreaterThanOrEqual(knee * 0.95)
    expect(world.limit.current).toBeLessThanOrEqual(Math.max(knee + 2, knee * 1.35))
  })

  test('holds when every call takes ten times longer', () => {
    const world = setUp()
    const service = (): number => (world.clock.now() < 20_000 ? 20 : 200)
    saturate(world, 60_000, () => 20, service)
    expect(world.limit.current).toBeGreaterThanOrEqual(18)
    expect(world.limit.current).toBeLessThanOrEqual(28)
  })

  test('lets far fewer in when calls wait inside the downstream for most of their patience', () => {
    const world = setUp({ initialLimit: 40 })
    saturate(
      world,
      20_000,
      () => 8,
      () => 180,
    )
    // 900 ms at first; half of a second and less leaves time to wait by priority.
    expect((world.limit.current / 8) * 180).toBeLessThanOrEqual(500)
    expect(world.limit.current).toBeGreaterThanOrEqual(8)
  })

  test('keeps its limit when every call takes most of its patience by itself', () => {
    const world = setUp()
    const service = (): number => (world.clock.now() < 20_000 ? 20 : 700)
    for (const untilMs of [20_000, 30_000, 60_000, 120_000]) {
      saturate(world, untilMs, () => 40, service)
      if (world.limit.reason === 'trial') saturate(world, untilMs + 4000, () => 40, service)
      expect(world.limit.current).toBeGreaterThanOrEqual(36)
    }
  })

  test('follows the knee down and up again', () => {
    const world = setUp()
    const knee = (): number => (world.clock.now() > 15_000 && world.clock.now() < 60_000 ? 10 : 40)
    saturate(world, 14_000, knee, () => 20)
    expect(world.limit.current).toBeGreaterThanOrEqual(38)
    saturate(world, 59_000, knee, () => 20)
    expect(world.limit.current).toBeLessThanOrEqual(15)
    saturate(world, 70_000, knee, () => 20)
    expect(world.limit.current).toBeGreaterThanOrEqual(36)
  })

  test('sinks to where it started while the load does not meet it, and comes back with the load', () => {
    const world = setUp()
    saturate(
      world,
      10_000,
      () => 40,
      () => 20,
    )
    const learned = world.limit.current
    saturate(
      world,
      600_000,
      () => 40,
      () => 20,
      { waitedMs: 0, inFlight: 2 },
    )
    expect(world.limit.current).toBe(10)
    expect(world.limit.reason).toBe('not_limiting')
    saturate(
      world,
      610_000,
      () => 40,
      () => 20,
    )
    expect(world.limit.current).toBeGreaterThan(0.9 * learned)
  })

  test('grows when calls first meet it, however late', () => {
    const world = setUp()
    const unmet = { waitedMs: 0, inFlight: 2 }
    const knee = (): number => 40
    const service = (): number => 20
    saturate(world, 600_000, knee, service, unmet)
    expect(world.limit.current).toBe(10)
    expect(world.limit.reason).toBe('initial')
    saturate(world, 601_000, knee, service)
    expect(world.limit.current).toBeGreaterThan(30)
  })

  test('learns nothing from calls that say nothing', () => {
    const world = setUp()
    saturate(
      world,
      20_000,
      () => 5,
      () => 20,
      { outcome: 'ignored' },
    )
    expect(world.limit.current).toBe(10)
  })

  test('halves once a generation in a blackout and comes back when calls do', () => {
    const world = setUp()
    saturate(
      world,
      10_000,
      () => 20,
      () => 20,
    )
    const before = world.limit.current
    saturate(
      world,
      14_500,
      () => 20,
      () => 1000,
      { outcome: 'dropped' },
    )
    expect(world.limit.current).toBeLessThanOrEqual(before / 8)
    expect(world.limit.reason).toBe('blackout')
    saturate(
      world,
      world.clock.now() + 300,
      () => 20,
      () => 20,
    )
    expect(world.limit.current).toBeGreaterThanOrEqual(0.9 * before)
  })

  test('never leaves its bounds and is always a whole number', () => {
    const world = setUp({ minLimit: 3, maxLimit: 30, initialLimit: 10 })
    for (const knee of [1, 500, 1, 500]) {
      const end = world.clock.now() + 20_000
      while (world.clock.now() < end) {
        saturate(
          world,
          world.clock.now() + 100,
          () => knee,
          () => 20,
        )
        const limit = world.limit.at(world.clock.now())
        expect(Number.isInteger(limit) && limit >= 3 && limit <= 30).toBe(true)
      }
    }
  })

  test('survives a stop of the process and a jump of the wall clock', () => {
    const world = setUp()
    saturate(
      world,
      20_000,
      () => 20,
      () => 20,
    )
    const before = world.limit.current
    world.clock.freeze(30_000)
    saturate(
      world,
      world.clock.now() + 3000,
      () => 20,
      () => 20,
    )
    expect(Math.abs(world.limit.current / before - 1)).toBeLessThan(0.2)
    for (const jumpMs of [3_600_000, -3_600_000]) {
      world.clock.jumpWall(jumpMs)
      saturate(
        world,
        world.clock.now() + 3000,
        () => 20,
        () => 20,
      )
      expect(Math.abs(world.limit.current / before - 1)).toBeLessThan(0.2)
    }
  })

  test.each([
    [{ minLimit: 0 }, 'Expected `minLimit` to be a positive integer, got 0 (number)'],
    [{ maxLimit: 1.5 }, 'Expected `maxLimit` to be a positive integer, got 1.5 (number)'],
    [
      { minLimit: 5, maxLimit: 4 },
      'Expected `maxLimit` to be an integer of at least 5, got 4 (number)',
    ],
    [
      { initialLimit: 2000 },
      'Expected `initialLimit` to be an integer from 1 to 1000, got 2000 (number)',
    ],
    [
      { limit: 10 },
      'Unknown option `adaptiveLimit.limit`, expected one of initialLimit, minLimit, maxLimit',
    ],
  ])('refuses the options %j', (options, message) => {
    expect(() => adaptiveLimit(options as AdaptiveLimitOptions)).toThrow(message)
  })

  test('starts within narrow bounds without being told where', () => {
    expect(setUp({ maxLimit: 4 }).limit.current).toBe(4)
    expect(setUp({ minLimit: 50 }).limit.current).toBe(50)
  })
})
