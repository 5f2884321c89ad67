import type { Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { atLeast, atMost, goodputVerdict } from '../score.ts'
import { loadedPool, minute, normalLoad, second } from './common.ts'

/** From 1 to `factor` between two moments. */
function ramp(from: number, to: number, factor: number): (now: number) => number {
  return (now) => 1 + (factor - 1) * Math.min(1, Math.max(0, (now - from) / (to - from)))
}

interface RampOptions {
  readonly name: string
  readonly factor: number
  readonly lastsMs: number
  readonly connections: number
  readonly serviceMs: number
  readonly load: number
}

function slowRamp({ name, factor, lastsMs, load, ...size }: RampOptions): Variant {
  const begin = 30 * second
  const end = begin + lastsMs
  const spec = loadedPool(load, end, size)
  return {
    name,
    spec: { ...spec, slowdown: ramp(begin, end, factor) },
    judge(evidence) {
      const goodput = evidence.goodputWhileChanging({ from: begin, to: end })
      // Only a limit that is needed can be compared with the right one: the last tenth is overload.
      const last: Phase = { from: end - lastsMs / 10, to: end }
      const limitToKnee = evidence.meanLimit(last) / evidence.knee(last).concurrency
      const off = Math.abs(limitToKnee - 1)
      return {
        score: Math.min(goodput, atMost(limitToKnee, 1.25), atLeast(limitToKnee, 0.75)),
        pass: goodput >= 93 && off <= 0.25,
        moonshot: goodput >= 93 && off <= 0.1,
        figures: { goodput, limitToKnee },
      }
    },
  }
}

/** The hour runs with half as many connections and calls twice as long: it costs calls, not minutes. */
export const slowRamps: Scenario = {
  id: 7,
  title: 'Slow ramp of the service time',
  variants: [
    slowRamp({
      name: '1 to 5x in 5 min',
      factor: 5,
      lastsMs: 5 * minute,
      connections: 20,
      serviceMs: 20,
      load: normalLoad,
    }),
    slowRamp({
      name: '1 to 1.5x in 1 h',
      factor: 1.5,
      lastsMs: 60 * minute,
      connections: 10,
      serviceMs: 40,
      load: 0.9,
    }),
  ],
}

/** Rates are a quarter of the scoreboard's (80 ms calls): an hour is 0.9 million of them. */
function longOverload(load: number): Variant {
  const durationMs = 60 * minute
  const first: Phase = { from: 0, to: minute }
  const last: Phase = { from: durationMs - minute, to: durationMs }
  return {
    name: `${load}x for 60 min`,
    spec: loadedPool(load, durationMs, { serviceMs: 80 }),
    judge(evidence) {
      const goodput = evidence.goodput(last)
      const p50Growth = evidence.percentileMs(last, 0.5) / evidence.percentileMs(first, 0.5)
      const limitToKnee = evidence.meanLimit(last) / evidence.knee(last).concurrency
      return {
        score: Math.min(goodput, atMost(p50Growth, 1.5), atMost(limitToKnee, 1.5)),
        pass: p50Growth <= 1.5 && limitToKnee <= 1.5,
        moonshot: p50Growth <= 1.1 && limitToKnee <= 1.5,
        figures: { goodput, p50Growth, limitToKnee },
      }
    },
  }
}

export const drift: Scenario = {
  id: 8,
  title: 'Drift under a mild overload',
  variants: [longOverload(1.1), longOverload(1.25)],
}

const halvedAt = 30 * second
const returnsAt: number = halvedAt + minute
const halved: Phase = { from: halvedAt, to: returnsAt, capacity: 10 }
const after: Phase = { from: returnsAt, to: returnsAt + 20 * second }

export const capacityHalves: Scenario = {
  id: 13,
  title: 'Capacity halves and returns',
  variants: [
    {
      name: '20 to 10 connections at 0.9x',
      spec: {
        ...loadedPool(0.9, after.to),
        changes: [
          { at: halvedAt, capacity: 10 },
          { at: returnsAt, capacity: 20 },
        ],
      },
      judge(evidence) {
        const goodput = evidence.goodput(halved)
        const goodputAfter = evidence.goodput(after)
        const backMs = evidence.settledAfter(after, 95, second)
        return {
          ...goodputVerdict(Math.min(goodput, goodputAfter), 0, 0),
          pass: goodput >= 90 && backMs <= 5 * second,
          moonshot: goodput >= 95 && backMs <= 2 * second,
          figures: { goodput, goodputAfter, backMs },
        }
      },
    },
  ],
}
