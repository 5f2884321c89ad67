import { adaptiveLimit, fixedLimit } from '@spillway/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contestants } from '../../simulation/contestants.ts'
import { EventQueue, Moment } from '../../simulation/event-queue.ts'
import { kneeAt } from '../../simulation/knee.ts'
import { LatencyHistogram } from '../../simulation/latency-histogram.ts'
import { play } from '../../simulation/play.ts'
import { Lognormal, Random } from '../../simulation/random.ts'
import { loadedPool } from '../../simulation/scenarios/common.ts'
import { findVariant } from '../../simulation/task.ts'
import { VirtualClock } from '../../simulation/virtual-clock.ts'
import { World } from '../../simulation/world.ts'
import type { WorldSpec } from '../../simulation/world-spec.ts'

function contestant(name: string) {
  return contestants.find((one) => one.name === name)!
}

describe('EventQueue', () => {
  it('fires by time, ties in the order of scheduling, the cancelled never', () => {
    const event = fc.record({ at: fc.integer({ min: 0, max: 20 }), cancelled: fc.boolean() })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const queue = new EventQueue()
        const fired: number[] = []
        const moments = events.map((_, index) => new Moment(() => fired.push(index)))
        events.forEach(({ at }, index) => {
          queue.schedule(moments[index]!, at)
        })
        events.forEach(({ cancelled }, index) => {
          if (cancelled) queue.cancel(moments[index]!)
        })
        queue.runUntil(100)
        const expected = events
          .map(({ at, cancelled }, index) => ({ at, cancelled, index }))
          .filter(({ cancelled }) => !cancelled)
          .sort((a, b) => a.at - b.at || a.index - b.index)
        expect(fired).toEqual(expected.map(({ index }) => index))
        expect(queue.size).toBe(0)
      }),
    )
  })
})

describe('Random', () => {
  it('is the same for the same seed and different for another seed or stream', () => {
    const draw = (seed: number, stream: number): number[] => {
      const random = new Random(seed, stream)
      return Array.from({ length: 5 }, () => random.uniform())
    }
    expect(draw(1, 1)).toEqual(draw(1, 1))
    expect(draw(1, 1)).not.toEqual(draw(2, 1))
    expect(draw(1, 1)).not.toEqual(draw(1, 2))
  })

  it.each([0.2, 0.7, 2])('draws lognormal numbers of the mean and CV asked for: %s', (cv) => {
    const random = new Random(3)
    const distribution = new Lognormal(20, cv)
    const values = Array.from({ length: 400_000 }, () => distribution.sample(random))
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    expect(Math.abs(mean / 20 - 1)).toBeLessThan(0.02)
    expect(Math.abs(Math.sqrt(variance) / mean / cv - 1)).toBeLessThan(0.1)
  })
})

describe('LatencyHistogram', () => {
  it('finds percentiles within a bucket, in the time asked for', () => {
    const histogram = new LatencyHistogram(1000)
    for (let value = 1; value <= 100; value += 1) histogram.add(500, value)
    histogram.add(1500, 9999)
    expect(histogram.percentile(0, 1000, 0.5) / 50).toBeCloseTo(1, 1)
    expect(histogram.percentile(0, 1000, 0.99) / 99).toBeCloseTo(1, 1)
    expect(histogram.percentile(2000, 3000, 0.5)).toBeNaN()
  })
})

describe('VirtualClock', () => {
  it('keeps timers of a stopped process until it goes on', () => {
    const queue = new EventQueue()
    const process = { stalledUntil: 0 }
    const clock = new VirtualClock(queue, process, 5000, 0)
    const firedAt: number[] = []
    clock.setTimer(() => firedAt.push(clock.now()), 10)
    clock.setTimer(() => firedAt.push(clock.now()), 400)
    clock.clearTimer(clock.setTimer(() => firedAt.push(-1), 20))
    process.stalledUntil = 300
    queue.runUntil(1000)
    expect(firedAt).toEqual([5300, 5400])
  })

  it('jumps and slews its wall clock and nothing else', () => {
    const queue = new EventQueue()
    const clock = new VirtualClock(queue, { stalledUntil: 0 }, 0, 50)
    const start = clock.wallNow()
    queue.runUntil(1000)
    clock.slewWall(1.5)
    queue.runUntil(2000)
    expect(clock.wallNow() - start).toBe(2500)
    clock.slewWall(1)
    clock.jumpWall(-3_600_000)
    queue.runUntil(3000)
    expect(clock.wallNow() - start).toBe(3500 - 3_600_000)
    expect(clock.now()).toBe(3000)
  })
})

/** Everything that can go wrong, within a few seconds. */
const stormy: WorldSpec = {
  ...loadedPool(3, 8000),
  downstream: { kind: 'pool', connections: 20, timeoutMs: 300, maxWaiting: 50 },
  instances: 3,
  wallErrorMs: 5000,
  retries: 2,
  herds: [{ at: 3000, count: 2000 }],
  changes: [
    { at: 1000, mode: 'hung' },
    { at: 2000, mode: 'up' },
    { at: 2500, mode: 'down' },
    { at: 3000, mode: 'up', capacity: 5 },
    { at: 7900, mode: 'hung' },
  ],
  upsets: [
    { kind: 'stall', at: 1500, forMs: 1300 },
    { kind: 'wallJump', at: 2000, byMs: 1e7 },
    { kind: 'wallRate', at: 2000, rate: 0.999 },
    { kind: 'restart', at: 4000, instance: 0, forMs: 700 },
    { kind: 'restart', at: 5000, instance: 1, forMs: 4000 },
  ],
}

describe('World', { timeout: 60_000 }, () => {
  it.each(contestants)('loses no call and no permit in a storm: $name', async (one) => {
    const world = new World(stormy, {
      seed: 1,
      limit: one.limitFor(stormy, 1),
      maxQueue: one.neverQueues ? 0 : undefined,
    })
    const { fates, attemptCount } = await world.run()
    expect(attemptCount).toBeGreaterThan(20_000)
    expect(fates.good + fates.late + fates.refused + fates.failed).toBe(attemptCount)
    expect(world.downstream.inside).toBe(0)
    for (const instance of world.instances) {
      expect([instance?.limiter.inFlight, instance?.limiter.queued]).toEqual([0, 0])
    }
    expect(world.queue.size).toBe(0)
  })

  it('repeats itself to the last digit with the same seed, and only with it', async () => {
    const run = async (seed: number): Promise<string> => {
      const record = await new World(stormy, { seed, limit: adaptiveLimit() }).run()
      return JSON.stringify([record.fates, [...record.levels.limit], [...record.levels.inside]])
    }
    expect(await run(3)).toBe(await run(3))
    expect(await run(3)).not.toBe(await run(4))
  })

  it('brings every contestant the same calls', async () => {
    const arrivalsAt = async (limit: number): Promise<number[]> => {
      const world = new World(loadedPool(2, 3000), { seed: 5, limit: fixedLimit(limit) })
      return [...(await world.run()).groups[0]!.arrived]
    }
    const arrivals = [await arrivalsAt(2), await arrivalsAt(20), await arrivalsAt(200)]
    expect(arrivals[1]).toEqual(arrivals[0])
    expect(arrivals[2]).toEqual(arrivals[0])
  })

  it('holds the permit of a call whose client has left', async () => {
    const spec = { ...loadedPool(1, 4000, { cv: 0.2 }), slowdown: 100, perSecond: 50 }
    const world = new World(spec, { seed: 1, limit: fixedLimit(20), maxQueue: 0 })
    const { fates, levels } = await world.run()
    // Calls take two seconds, clients wait one: all answers are late, and yet never more
    // than the limit are inside.
    expect(fates.late).toBeGreaterThan(20)
    expect(fates.good).toBe(0)
    expect(Math.max(...levels.inside)).toBe(20)
  })

  it('cancels calls whose clients have left, where the downstream can', async () => {
    const calls = { ...loadedPool(1, 4000, { cv: 0.2 }), slowdown: 100, perSecond: 50 }
    const spec = { ...calls, cancelsAtDeadline: true }
    const world = new World(spec, { seed: 1, limit: fixedLimit(20), maxQueue: 0 })
    const { fates, levels } = await world.run()
    expect(fates.late).toBe(0)
    // Twenty at a time for a second each: cancelled calls make room for the next.
    expect(fates.failed).toBeGreaterThan(70)
    expect(Math.max(...levels.inside)).toBe(20)
  })

  it('collapses without a limit and serves the knee with the right one', async () => {
    const variant = findVariant(1, '3x, pool 20, CV 0.7')
    const options = { seed: 1, noQueue: false }
    expect((await play(variant, contestant('none'), options)).verdict.score).toBeLessThan(1)
    expect((await play(variant, contestant('fixed'), options)).verdict.score).toBeGreaterThan(99)
  })
})

describe('kneeAt', { timeout: 60_000 }, () => {
  it('finds what the downstream can do, and how many calls that takes', () => {
    const knee = kneeAt(loadedPool(1, 1000), 0)
    expect(knee.concurrency).toBe(20)
    expect(Math.abs(knee.perSecond - 1000)).toBeLessThan(10)
  })

  it('counts only answers in time, and follows slowdown and capacity', () => {
    const spec = { ...loadedPool(1, 1000), slowdown: (now: number) => (now < 500 ? 1 : 5) }
    expect(Math.abs(kneeAt(spec, 800).perSecond - 200)).toBeLessThan(2)
    expect(Math.abs(kneeAt(spec, 0, 10).perSecond - 500)).toBeLessThan(5)
    const late = { ...loadedPool(1, 1000), slowdown: 100 }
    expect(kneeAt(late, 0).perSecond).toBeLessThan(3)
  })
})
