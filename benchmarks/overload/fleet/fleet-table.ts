import type { Bar } from '@spillway/example-slow-database/verdict.ts'
import { milliseconds } from '@spillway/example-slow-database/verdict.ts'
import { columns } from '@spillway/example-slow-database/view/columns.ts'
import { median } from '../../lib/median.ts'
import { atLeast, spread } from '../bars.ts'
import { oracleName } from '../contestants/index.ts'
import type { Run } from '../rounds.ts'
import { relativeTo, runsOf } from '../rounds.ts'
import type { FleetScore } from './fleet-score.ts'
import type { FleetScenario } from './scenarios.ts'

const header = [
  '',
  'goodput',
  'of oracle',
  'critical',
  'of oracle',
  'least to most process',
  'p99 answered',
  'back after',
] as const

const goodput = (score: FleetScore): number => score.goodputRatio
const critical = (score: FleetScore): number => score.criticalRatio

/** A line for each contestant: median of the rounds, and between which values they lie. */
export function fleetTable(
  scenario: string,
  names: readonly string[],
  runs: readonly Run<FleetScore>[],
): string[] {
  const oracles = runsOf(runs, scenario, oracleName)
  const cells = names.map((name) => {
    const own = runsOf(runs, scenario, name)
    const of = (figure: (score: FleetScore) => number | undefined): number[] =>
      own.map(({ score }) => figure(score)).filter((value) => value !== undefined)
    const back = median(of(({ recoveryMs }) => recoveryMs))
    return [
      name,
      spread(of(goodput)),
      spread(relativeTo(oracles, own, goodput)),
      spread(of(critical)),
      spread(relativeTo(oracles, own, critical)),
      spread(of(({ leastToMostRatio }) => leastToMostRatio)),
      milliseconds(median(of(({ answeredP99Ms }) => answeredP99Ms))),
      back === Infinity ? 'never' : milliseconds(back),
    ]
  })
  return ['', scenario, ...columns([header, ...cells]).map((line) => `  ${line}`)]
}

/** What Spillway has to reach; nothing where it or the oracle did not run. */
export function fleetBars({ name, bars }: FleetScenario, runs: readonly Run<FleetScore>[]): Bar[] {
  const oracles = runsOf(runs, name, oracleName)
  const own = runsOf(runs, name, 'spillway')
  return [
    ...atLeast(`${name}: goodput, of oracle`, relativeTo(oracles, own, goodput), bars.goodput),
    ...atLeast(`${name}: critical, of oracle`, relativeTo(oracles, own, critical), bars.critical),
    ...atLeast(
      `${name}: least to most served process`,
      own.map(({ score }) => score.leastToMostRatio),
      bars.leastToMost,
    ),
  ]
}
