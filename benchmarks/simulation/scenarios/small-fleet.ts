import type { Evidence, Phase } from '../evidence.ts'
import type { Scenario } from '../scenario.ts'
import type { Verdict } from '../score.ts'
import { atLeast } from '../score.ts'
import type { CallClass, WorldSpec } from '../world-spec.ts'
import { between, second } from './common.ts'

const slots = 8
const slow: Phase = { from: 20 * second, to: 60 * second }
const after: Phase = { from: slow.to, to: slow.to + 20 * second }

const call = { serviceMs: 20, cv: 0.7 } as const
const classes: readonly CallClass[] = [
  { ...call, name: 'critical', priority: 'critical', weight: 20 },
  { ...call, name: 'default', weight: 80 },
]

/**
 * Healthy, the database does 400 calls a second and is asked for 300; ten times slower it does 40,
 * and the critical calls alone are 60. Queries are cancelled when their clients leave.
 */
function slowDatabase(instances: number): WorldSpec {
  return {
    durationMs: after.to,
    downstream: { kind: 'pool', connections: slots },
    slowdown: between(slow.from, slow.to, 10),
    classes,
    perSecond: 300,
    cancelsAtDeadline: true,
    instances,
  }
}

/** Least parts of what the oracle does, which was told its share of the slots. */
interface Bars {
  readonly goodput: number
  readonly critical: number
}

const leastToMostBar = 0.5

function verdict(evidence: Evidence, oracle: Evidence, bars: Bars): Verdict {
  const goodput = evidence.goodput(slow)
  const critical = evidence.goodputOf(slow, 'critical')
  const goodputOfOracle = goodput / oracle.goodput(slow)
  const criticalOfOracle = critical / oracle.goodputOf(slow, 'critical')
  const leastToMost = evidence.leastToMostAnswered(slow)
  const backMs = evidence.settledAfter(after, 95, second)
  const score = Math.min(
    atLeast(goodputOfOracle, bars.goodput),
    atLeast(criticalOfOracle, bars.critical),
    atLeast(leastToMost, leastToMostBar),
  )
  return {
    score,
    pass: score === 100,
    moonshot: score === 100 && Math.min(goodputOfOracle, criticalOfOracle) >= 0.95,
    figures: { goodput, goodputOfOracle, critical, criticalOfOracle, leastToMost, backMs },
  }
}

function fleet(id: number, instances: number, bars: Bars): Scenario {
  return {
    id,
    title: `${instances} instances, a slow database of 8 slots`,
    variants: [
      {
        name: '20 to 200 ms for 40 s, critical 20 %',
        spec: slowDatabase(instances),
        async judge(evidence, oracle) {
          return verdict(evidence, await oracle(), bars)
        },
      },
    ],
  }
}

export const fleetOfFour: Scenario = fleet(43, 4, { goodput: 0.9, critical: 0.85 })
export const fleetOfTwelve: Scenario = fleet(44, 12, { goodput: 0.85, critical: 0.8 })
