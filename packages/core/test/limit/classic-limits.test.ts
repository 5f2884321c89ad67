import type { Limit, LimitFactory, Outcome, Sample } from '@spillway/core'
import { aimdLimit, gradientLimit, vegasLimit, windowedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, it } from 'vitest'
import { decideAimd } from '../../src/limit/aimd.ts'
import { decideGradient } from '../../src/limit/gradient.ts'
import { decideVegas } from '../../src/limit/vegas.ts'

function sample(durationMs: number, inFlight: number, outcome: Outcome = 'success'): Sample {
  return {
    startedAt: 0,
    durationMs,
    waitedMs: 0,
    inFlight,
    outcome,
    workload: undefined,
    patienceMs: 1000,
  }
}

function make(factory: LimitFactory): Limit {
  return factory({ clock: new ManualClock() })
}

/** Feeds `count` equal calls, spread evenly over the given time. */
function feed(limit: Limit, one: Sample, count: number, from: number, to: number): void {
  for (let index = 1; index <= count; index += 1) {
    limit.onSample(one, from + ((to - from) * index) / count)
  }
}

describe('AIMD', () => {
  const options = {
    initialLimit: 20,
    minLimit: 10,
    maxLimit: 30,
    backoffRatio: 0.9,
    timeoutMs: 100,
  }

  it.each([
    { limit: 20, call: sample(10, 20), next: 21, reason: 'growing' },
    { limit: 20, call: sample(10, 10), next: 21, reason: 'growing' },
    { limit: 20, call: sample(10, 9), next: 20, reason: 'app_limited' },
    { limit: 20, call: sample(100, 20), next: 21, reason: 'growing' },
    { limit: 20, call: sample(101, 20), next: 18, reason: 'slow' },
    { limit: 20, call: sample(10, 1, 'dropped'), next: 18, reason: 'dropped' },
    { limit: 30, call: sample(10, 30), next: 30, reason: 'growing' },
    { limit: 10, call: sample(10, 10, 'dropped'), next: 10, reason: 'dropped' },
  ])('$limit becomes $next: $reason', ({ limit, call, next, reason }) => {
    expect(decideAimd(limit, call, options)).toEqual({ limit: next, reason })
  })

  it('learns nothing from an ignored call', () => {
    const limit = make(aimdLimit())
    limit.onSample(sample(10_000, 20, 'ignored'), 0)
    expect(limit.current).toBe(20)
    expect(limit.reason).toBe('initial')
  })

  it('does not share state between limiters', () => {
    const factory = aimdLimit()
    const one = make(factory)
    const other = make(factory)
    one.onSample(sample(1, 20), 0)
    expect([one.at(0), other.at(0)]).toEqual([21, 20])
  })
})

describe('Vegas', () => {
  it.each([
    // Queue of ceil(20 * (1 - 10 / R)) calls; unit 1, thresholds 1, 3 and 6.
    { limit: 20, call: sample(10, 20), next: 26, reason: 'no_queue' },
    { limit: 20, call: sample(10.5, 20), next: 26, reason: 'no_queue' },
    { limit: 20, call: sample(11, 20), next: 21, reason: 'growing' },
    { limit: 20, call: sample(12, 20), next: 20, reason: 'steady' },
    { limit: 20, call: sample(14, 20), next: 20, reason: 'steady' },
    { limit: 20, call: sample(15, 20), next: 19, reason: 'shrinking' },
    { limit: 20, call: sample(15, 9), next: 20, reason: 'app_limited' },
    { limit: 20, call: sample(15, 9, 'dropped'), next: 19, reason: 'dropped' },
    // Unit 2 from a hundred on.
    { limit: 100, call: sample(10, 100), next: 112, reason: 'no_queue' },
    { limit: 100, call: sample(10, 100, 'dropped'), next: 98, reason: 'dropped' },
  ])('$limit becomes $next: $reason', ({ limit, call, next, reason }) => {
    expect(decideVegas(limit, 10, call)).toEqual({ limit: next, reason })
  })

  it('takes its fastest call as the baseline and holds on it', () => {
    const limit = make(vegasLimit({ random: () => 1 }))
    limit.onSample(sample(10, 20), 0)
    expect([limit.current, limit.reason]).toEqual([20, 'baseline'])
    limit.onSample(sample(10, 20), 0)
    expect([limit.current, limit.reason]).toEqual([26, 'no_queue'])
  })

  it('forgets the baseline after 30 calls per unit of limit', () => {
    const limit = make(vegasLimit({ initialLimit: 20, random: () => 1 }))
    limit.onSample(sample(10, 1), 0)
    feed(limit, sample(30, 1), 599, 0, 0)
    expect(limit.reason).toBe('baseline')
    limit.onSample(sample(30, 20), 0)
    expect(limit.reason).toBe('no_queue')
  })

  it('never leaves 1 to maxLimit', () => {
    const limit = make(vegasLimit({ initialLimit: 2, maxLimit: 4, random: () => 1 }))
    limit.onSample(sample(10, 2), 0)
    limit.onSample(sample(10, 2), 0)
    expect(limit.current).toBe(4)
    feed(limit, sample(10, 2, 'dropped'), 20, 0, 0)
    expect(limit.current).toBe(1)
  })
})

describe('Gradient2', () => {
  const options = {
    initialLimit: 20,
    minLimit: 20,
    maxLimit: 200,
    queueSize: 4,
    tolerance: 1.5,
    smoothingRatio: 0.2,
    longWindow: 600,
    windowMs: 1000,
  }

  it.each([
    // gradient 1: 100 + 0.2 * 4
    { limit: 100, longMs: 20, call: sample(20, 100), next: 100.8, reason: 'growing' },
    { limit: 100, longMs: 20, call: sample(30, 100), next: 100.8, reason: 'growing' },
    // gradient 0.75: 80 + 0.2 * 79
    { limit: 100, longMs: 20, call: sample(40, 100), next: 95.8, reason: 'shrinking' },
    // gradient is 0.5 at the least
    { limit: 100, longMs: 20, call: sample(4000, 100), next: 90.8, reason: 'shrinking' },
    { limit: 100, longMs: 20, call: sample(4000, 49), next: 100, reason: 'app_limited' },
    { limit: 200, longMs: 20, call: sample(20, 200), next: 200, reason: 'growing' },
    { limit: 20, longMs: 20, call: sample(4000, 20), next: 20, reason: 'growing' },
  ])('$limit becomes $next: $reason', ({ limit, longMs, call, next, reason }) => {
    const decision = decideGradient(limit, longMs, call, options)
    expect(decision.limit).toBeCloseTo(next, 9)
    expect(decision.reason).toBe(reason)
  })

  it('moves once per window, and grows to its maximum when every call takes the same', () => {
    const limit = make(gradientLimit())
    feed(limit, sample(20, 200), 99, 0, 990)
    expect(limit.reason).toBe('initial')
    limit.onSample(sample(20, 200), 1000)
    expect(limit.current).toBe(20)
    expect(limit.reason).toBe('growing')
    for (let second = 1; second <= 400; second += 1) {
      feed(limit, sample(20, 200), 20, second * 1000, (second + 1) * 1000)
    }
    expect(limit.at(0)).toBe(200)
  })
})

describe('windowedLimit', () => {
  function recordingLimit(): { factory: LimitFactory; seen: Sample[] } {
    const seen: Sample[] = []
    const factory: LimitFactory = () => ({
      algorithm: 'recording',
      current: 1,
      reason: 'recording',
      at: () => 1,
      onSample: (one) => seen.push(one),
    })
    return { factory, seen }
  }

  it('shows mean, highest in-flight and whether anything was dropped', () => {
    const { factory, seen } = recordingLimit()
    const limit = make(windowedLimit(factory, { windowMs: 100, minSamples: 3 }))
    limit.onSample(sample(10, 4), 20)
    limit.onSample(sample(20, 7, 'dropped'), 40)
    limit.onSample(sample(999, 99, 'ignored'), 50)
    limit.onSample(sample(30, 5), 100)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ durationMs: 20, inFlight: 7, outcome: 'dropped', startedAt: 0 })
  })

  it('waits for enough calls and for twice the fastest one', () => {
    const { factory, seen } = recordingLimit()
    const limit = make(windowedLimit(factory, { windowMs: 100, minSamples: 3 }))
    feed(limit, sample(10, 1), 2, 0, 500)
    expect(seen).toHaveLength(0)
    limit.onSample(sample(10, 1), 501)
    expect(seen).toHaveLength(1)
    feed(limit, sample(400, 1), 3, 501, 1300)
    expect(seen).toHaveLength(1)
    limit.onSample(sample(400, 1), 1301)
    expect(seen).toHaveLength(2)
  })
})

describe('options', () => {
  it.each([
    [() => aimdLimit({ minLimit: 0 }), 'Expected `minLimit` to be a positive integer, got 0'],
    [() => aimdLimit({ backoffRatio: 1 }), 'Expected `backoffRatio` to be a number from 0.5'],
    [() => aimdLimit({ maxLimit: 5 }), 'Expected `maxLimit` to be'],
    [() => aimdLimit({ timout: 1 } as never), 'Unknown option `aimdLimit.timout`'],
    [() => vegasLimit({ initialLimit: 1001 }), 'Expected `initialLimit` to be an integer from 1'],
    [() => vegasLimit({ random: 4 as never }), 'Expected `random` to be a function, got 4'],
    [() => gradientLimit({ tolerance: 0.9 }), 'Expected `tolerance` to be a number of at least 1'],
    [() => gradientLimit({ windowMs: 0 }), 'Expected `windowMs` to be a number of milliseconds'],
    [() => windowedLimit(aimdLimit(), { minSamples: 0 }), 'Expected `minSamples` to be'],
  ])('%# are refused with a sentence', (build, message) => {
    expect(build).toThrow(message)
  })

  it('follow a bound that excludes the default start', () => {
    expect(make(aimdLimit({ minLimit: 40 })).current).toBe(40)
    expect(make(vegasLimit({ maxLimit: 8 })).current).toBe(8)
    expect(make(gradientLimit({ minLimit: 2, maxLimit: 8 })).current).toBe(8)
  })
})
