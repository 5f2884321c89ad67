import type { Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { atMost, goodputVerdict } from '../score.ts'
import type { CallClass } from '../world-spec.ts'
import { between, minute, pool, second } from './common.ts'

/** One call in ten takes 500 ms, and nothing tells them apart. */
const bimodalClasses: readonly CallClass[] = [
  { name: 'fast', weight: 9, serviceMs: 10, cv: 0.2 },
  { name: 'slow', weight: 1, serviceMs: 500, cv: 0.2 },
]
const bimodalMeanMs = 0.9 * 10 + 0.1 * 500

function bimodalVariant(load: number): Variant {
  const durationMs = 2 * minute
  const phase: Phase = { from: 15 * second, to: durationMs }
  return {
    name: `${load}x`,
    spec: {
      durationMs,
      downstream: pool().downstream,
      classes: bimodalClasses,
      perSecond: (load * 20 * 1000) / bimodalMeanMs,
    },
    judge(evidence) {
      const goodput = evidence.goodput(phase)
      const limitCv = evidence.limitCv(phase)
      return {
        score: Math.min(goodput, atMost(limitCv, 0.2)),
        pass: goodput >= 93 && limitCv <= 0.2,
        moonshot: goodput >= 97 && limitCv <= 0.2,
        figures: { goodput, limitCv },
      }
    },
  }
}

export const bimodal: Scenario = {
  id: 9,
  title: 'Bimodal service 10 ms / 500 ms',
  variants: [bimodalVariant(0.8), bimodalVariant(2)],
}

const shiftAt = 30 * second
const shifted: Phase = { from: shiftAt, to: shiftAt + minute }
const heavyAfter = 0.5 * 10 + 0.5 * 100

/** After the shift the load is 0.8 of capacity: whatever is refused then is refused wrongly. */
export const mixShift: Scenario = {
  id: 10,
  title: 'Mix shift 5 % to 50 % heavy, no overload',
  variants: [
    {
      name: '10 ms and 100 ms routes',
      spec: {
        durationMs: shifted.to,
        downstream: pool().downstream,
        classes: [
          {
            name: 'light',
            workload: 'light',
            weight: (now) => (now < shiftAt ? 0.95 : 0.5),
            serviceMs: 10,
            cv: 0.7,
          },
          {
            name: 'heavy',
            workload: 'heavy',
            weight: (now) => (now < shiftAt ? 0.05 : 0.5),
            serviceMs: 100,
            cv: 0.7,
          },
        ],
        perSecond: (0.8 * 20 * 1000) / heavyAfter,
      },
      judge: (evidence) => goodputVerdict(evidence.servedShare(shifted), 99.5, 100),
    },
  ],
}

const slowAt = 30 * second
const slow: Phase = { from: slowAt, to: slowAt + minute }

function routes(slowShare: number): CallClass[] {
  const others = Array.from({ length: 7 }, (_, index) => ({
    name: `route-${index + 1}`,
    workload: `route-${index + 1}`,
    partition: `route-${index + 1}`,
    weight: (1 - slowShare) / 7,
    serviceMs: 20,
    cv: 0.7,
  }))
  const culprit = {
    name: 'slow-route',
    workload: 'slow-route',
    partition: 'slow-route',
    weight: slowShare,
    serviceMs: 20,
    cv: 0.7,
    slowdown: between(slowAt, slow.to, 10),
  }
  return [culprit, ...others]
}

/** 0.6x before, 0.87x while the route is slow: the downstream can still serve everybody. */
export const oneSlowRoute: Scenario = {
  id: 11,
  title: "One route's query 10x slower",
  variants: [
    {
      name: '1 of 8 routes, 5 % of calls',
      spec: {
        durationMs: slow.to,
        downstream: pool().downstream,
        classes: routes(0.05),
        perSecond: 600,
      },
      judge(evidence) {
        let arrived = 0
        let served = 0
        for (const { name } of evidence.spec.classes) {
          if (name === 'slow-route') continue
          arrived += evidence.arrived(slow, name)
          served += evidence.served(slow, name)
        }
        const slowRoute = evidence.servedShare(slow, 'slow-route')
        return goodputVerdict((100 * served) / arrived, 98, 99.9, { slowRoute })
      },
    },
  ],
}

const brownoutAt = 30 * second
const brownout: Phase = { from: brownoutAt, to: brownoutAt + minute }
const isBrownout = between(brownoutAt, brownout.to, 0.3, 0)

/** 0.7x before; attainable: what the downstream answers in time when saturated with this mix. */
export const randomBrownout: Scenario = {
  id: 14,
  title: 'Brownout: 30 % of queries 20x slower',
  variants: [
    {
      name: 'random, 60 s',
      spec: {
        durationMs: brownout.to,
        downstream: pool().downstream,
        classes: [
          {
            name: 'usual',
            weight: between(brownoutAt, brownout.to, 0.7),
            serviceMs: 20,
            cv: 0.7,
          },
          { name: 'slow', weight: isBrownout, serviceMs: 400, cv: 0.7 },
        ],
        perSecond: 700,
      },
      judge(evidence) {
        const p99Ms = evidence.percentileMs(brownout, 0.99)
        const verdict = goodputVerdict(evidence.goodput(brownout), 85, 93, { p99Ms })
        return { ...verdict, pass: verdict.pass && p99Ms <= 1000 }
      },
    },
  ],
}
