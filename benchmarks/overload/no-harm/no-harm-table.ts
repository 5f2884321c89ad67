import type { Bar } from '@spillway/example-slow-database/verdict.ts'
import { columns } from '@spillway/example-slow-database/view/columns.ts'
import { median } from '../../lib/median.ts'
import { atLeast, spread } from '../bars.ts'
import type { Run } from '../rounds.ts'
import { relativeTo, runsOf } from '../rounds.ts'
import { bareName, ours } from './contestants/index.ts'
import type { KindCounts, NoHarmScore } from './no-harm-score.ts'
import type { NoHarmScenario } from './scenarios.ts'

type Runs = readonly Run<NoHarmScore>[]

/** A line for each contestant: median of the rounds, and between which values they lie. */
export function noHarmTable(
  { name, judged }: NoHarmScenario,
  names: readonly string[],
  runs: Runs,
): string[] {
  const labels = judged.flatMap(({ label }) => [label, 'of bare'])
  const header = ['', ...labels, 'refused', 'timed out', 'failed', 'open at once', 'turned away']
  const bare = runsOf(runs, name, bareName)
  const cells = names.map((contestant) => {
    const own = runsOf(runs, name, contestant)
    const middle = (figure: (score: NoHarmScore) => number): string =>
      (median(own.map(({ score }) => figure(score))) ?? 0).toFixed(0)
    return [
      contestant,
      ...judged.flatMap((_, index) => [
        spread(own.map(({ score }) => score.servedRatios[index]!)),
        spread(relativeTo(bare, own, (score) => score.servedRatios[index]!)),
      ]),
      middle((score) => total(score, 'refused') + total(score, 'refused_late')),
      middle((score) => total(score, 'timed_out')),
      middle((score) => total(score, 'failed')),
      middle(({ open }) => open),
      middle(({ turnedAway }) => turnedAway),
    ]
  })
  return ['', name, ...columns([header, ...cells]).map((line) => `  ${line}`)]
}

function total({ kinds }: NoHarmScore, outcome: keyof KindCounts): number {
  return Object.values(kinds).reduce((sum, counts) => sum + counts[outcome], 0)
}

/** What ours has to reach, however it is wired; nothing of what did not run. */
export function noHarmBars({ name, judged, bar, isOfBare }: NoHarmScenario, runs: Runs): Bar[] {
  const bare = runsOf(runs, name, bareName)
  return ours.flatMap((contestant) => {
    const own = runsOf(runs, name, contestant)
    return judged.flatMap(({ label }, index) => {
      const served = (score: NoHarmScore): number => score.servedRatios[index]!
      return isOfBare
        ? atLeast(`${name}: ${label}, ${contestant}, of bare`, relativeTo(bare, own, served), bar)
        : atLeast(
            `${name}: ${label}, ${contestant}`,
            own.map(({ score }) => served(score)),
            bar,
          )
    })
  })
}
