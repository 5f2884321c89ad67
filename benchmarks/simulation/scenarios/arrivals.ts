import type { Evidence, Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import type { Verdict } from '../score.ts'
import { atMost, goodputVerdict } from '../score.ts'
import type { WorldSpec } from '../world-spec.ts'
import { loadedPool, minute, pool, second } from './common.ts'

const triggerAt = 30 * second
const triggerEnd: number = triggerAt + 5 * second
const stormEnd: number = triggerEnd + minute
const capacity: number = pool().capacity

const stormSpec: WorldSpec = {
  ...loadedPool(0.8, stormEnd),
  perSecond: (now) => (now >= triggerAt && now < triggerEnd ? 4 : 0.8) * capacity,
  peakPerSecond: 4 * capacity,
  retries: 3,
}

const lateInStorm: Phase = { from: triggerEnd + 5 * second, to: stormEnd }

/** @param amplified where attempts per client are counted */
function judgeStorm(evidence: Evidence, amplified: Phase): Verdict {
  const goodput = evidence.goodput(lateInStorm)
  const recoveredMs = evidence.settledAfter({ from: triggerEnd, to: stormEnd }, 95, second)
  const amplification = evidence.amplification(amplified)
  const pass = goodput >= 95 && recoveredMs <= 5 * second && amplification <= 1.2
  return {
    score: goodput,
    pass,
    moonshot: pass && recoveredMs <= 2 * second,
    figures: { goodput, recoveredMs, amplification },
  }
}

export const retryStorm: Scenario = {
  id: 18,
  title: 'Retry storm after 5 s at 4x',
  variants: [
    {
      name: '3 retries, base 80 %',
      spec: stormSpec,
      // While it lasts, nothing bounds the attempts of naive clients.
      judge: (evidence) => judgeStorm(evidence, lateInStorm),
    },
    {
      name: '3 retries within a budget, base 80 %',
      spec: { ...stormSpec, hasRetryBudget: true },
      judge: (evidence) => {
        const storm = judgeStorm(evidence, { from: triggerAt, to: triggerEnd + 5 * second })
        const amplification = storm.figures['amplification']!
        return { ...storm, score: Math.min(storm.score, atMost(amplification, 1.2)) }
      },
    },
  ],
}

const quiet = (0.8 * 2 - 2.4 * 0.5) / 1.5

export const bursts: Scenario = {
  id: 19,
  title: 'Bursts 2.4x for 0.5 s every 2 s',
  variants: [
    {
      name: 'mean 0.8x',
      spec: {
        ...loadedPool(0.8, minute),
        perSecond: (now) => (now % 2000 < 500 ? 2.4 : quiet) * capacity,
        peakPerSecond: 2.4 * capacity,
      },
      judge: (evidence) => goodputVerdict(evidence.servedShare({ from: 0, to: minute }), 95, 99.99),
    },
  ],
}

const herdAt = 11 * minute
const herdEnd: number = herdAt + 10 * second

/** A minute of normal load, ten of nothing, then everybody at once. */
export const thunderingHerd: Scenario = {
  id: 20,
  title: 'Thundering herd of 5000 after idle',
  variants: [
    {
      name: '5000 at once',
      spec: {
        ...loadedPool(0.5, herdEnd),
        perSecond: (now) => (now < minute ? 0.5 * capacity : 0),
        peakPerSecond: 0.5 * capacity,
        herds: [{ at: herdAt, count: 5000 }],
      },
      judge(evidence) {
        const phase = { from: herdAt, to: herdEnd }
        const served = evidence.served(phase)
        const p99Ms = evidence.percentileMs(phase, 0.99)
        const lateCalls = evidence.record.fates.late
        const verdict = goodputVerdict(Math.min(100, (100 * served) / capacity), 90, 90, {
          p99Ms,
          lateCalls,
        })
        const inTime = lateCalls <= 0.01 * served
        return { ...verdict, pass: verdict.pass && inTime, moonshot: verdict.pass && inTime }
      },
    },
  ],
}

function coldStartVariant(connections: number): Variant {
  const phase = { from: 0, to: 10 * second }
  return {
    name: `0.8x, pool ${connections}`,
    spec: loadedPool(0.8, 10 * second, { connections }),
    judge(evidence) {
      const goodput = evidence.servedShare(phase)
      const fullMs = evidence.settledAfter(phase, 97, second)
      return {
        ...goodputVerdict(goodput, 93, 98, { fullMs }),
        pass: goodput >= 93 && fullMs <= 2 * second,
        moonshot: goodput >= 98 && fullMs <= 2 * second,
      }
    },
  }
}

export const coldStart: Scenario = {
  id: 21,
  title: 'Cold start at 80 % of capacity',
  variants: [coldStartVariant(20)],
}
