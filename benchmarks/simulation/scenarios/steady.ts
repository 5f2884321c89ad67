import type { Evidence } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import type { Verdict } from '../score.ts'
import { goodputVerdict } from '../score.ts'
import { loadedPool, minute, second } from './common.ts'

const warmupMs = 10 * second

const passAt: Readonly<Record<number, number>> = { 1.2: 95, 3: 95, 10: 90 }

function steadyVariant(load: number, connections: number, cv: number): Variant {
  // At 50,000 calls a second, six seconds are enough to count.
  const durationMs = (connections === 100 && load === 10 ? 16 : 30) * second
  return {
    name: `${load}x, pool ${connections}, CV ${cv}`,
    spec: loadedPool(load, durationMs, { connections, cv }),
    judge(evidence) {
      const phase = { from: warmupMs, to: durationMs }
      const goodput = evidence.goodput(phase)
      const p50Ratio = evidence.percentileMs(phase, 0.5) / evidence.noLoadMedianMs()
      return {
        score: goodput,
        pass: goodput >= passAt[load]! && p50Ratio <= 2,
        moonshot: goodput >= 98 && p50Ratio <= 1.3,
        figures: { goodput, p50Ratio },
      }
    },
  }
}

const loads = [1.2, 3, 10]
const pools = [5, 20, 100]
const cvs = [0.2, 0.7, 2]

export const steadyOverload: Scenario = {
  id: 1,
  title: 'Steady overload',
  variants: loads.flatMap((load) =>
    pools.flatMap((size) => cvs.map((cv) => steadyVariant(load, size, cv))),
  ),
}

function noFalseSheds(load: number): Variant {
  const durationMs = 10 * minute
  return {
    name: `${load}x`,
    spec: loadedPool(load, durationMs),
    judge: (evidence) => judgeServed(evidence, 0, durationMs, 99.9, 100),
  }
}

function judgeServed(
  evidence: Evidence,
  from: number,
  to: number,
  pass: number,
  moonshot: number,
): Verdict {
  return goodputVerdict(evidence.servedShare({ from, to }), pass, moonshot)
}

export const lightLoad: Scenario = {
  id: 2,
  title: 'Light and normal load, no false sheds',
  variants: [noFalseSheds(0.1), noFalseSheds(0.7)],
}

export const nearCapacity: Scenario = {
  id: 3,
  title: 'Poisson at 0.9x',
  variants: [
    {
      name: '0.9x',
      spec: loadedPool(0.9, 2 * minute),
      judge: (evidence) => judgeServed(evidence, warmupMs, 2 * minute, 99, 99.9),
    },
  ],
}
