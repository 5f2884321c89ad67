import type { Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { goodputVerdict } from '../score.ts'
import type { WorldSpec } from '../world-spec.ts'
import { between, loadedPool, minute, normalLoad, second } from './common.ts'

const stepAt = 20 * second
const stepEnd: number = stepAt + minute
const step: Phase = { from: stepAt, to: stepEnd }
const factors = [2, 5, 20]
/** Long enough to tell 90 % of capacity from less when the downstream is 20x slower. */
const settleWindowMs = 3 * second

function steppedPool(factor: number, connections: number, durationMs: number): WorldSpec {
  return {
    ...loadedPool(normalLoad, durationMs, { connections }),
    slowdown: between(stepAt, stepEnd, factor),
  }
}

function latencyStep(factor: number, connections: number, bars: [number, number]): Variant {
  const [pass, moonshot] = bars
  return {
    name: `${factor}x slower, pool ${connections}`,
    spec: steppedPool(factor, connections, stepEnd),
    judge(evidence) {
      const goodput = evidence.goodput(step)
      const settledMs = evidence.settledAfter(step, 90, settleWindowMs)
      return {
        score: goodput,
        pass: goodput >= pass && settledMs <= 5 * second,
        moonshot: goodput >= moonshot && settledMs <= 2 * second,
        figures: { goodput, settledMs },
      }
    },
  }
}

export const latencyStepSmall: Scenario = {
  id: 4,
  title: 'Latency step 60 s',
  variants: factors.map((factor) => latencyStep(factor, 20, [90, 97])),
}

export const latencyStepLarge: Scenario = {
  id: 5,
  title: 'Latency step 60 s, pool 100',
  variants: factors.map((factor) => latencyStep(factor, 100, [85, 97])),
}

const recovery: Phase = { from: stepEnd, to: stepEnd + 20 * second }

export const recoveryFromStep: Scenario = {
  id: 6,
  title: 'Recovery from the step',
  variants: factors.map((factor) => ({
    name: `from ${factor}x slower`,
    spec: steppedPool(factor, 20, recovery.to),
    judge(evidence) {
      const goodput = evidence.goodput(recovery)
      const recoveredMs = evidence.settledAfter(recovery, 95, second)
      const verdict = goodputVerdict(goodput, 0, 0, { recoveredMs })
      return { ...verdict, pass: recoveredMs <= 3000, moonshot: recoveredMs <= 1000 }
    },
  })),
}
