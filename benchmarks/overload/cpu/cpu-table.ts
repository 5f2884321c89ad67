import { median } from '../../lib/median.ts'
import { milliseconds } from '@spillway/example-slow-database/verdict.ts'
import { columns } from '@spillway/example-slow-database/view/columns.ts'
import type { CpuScore, StepScore } from './cpu-score.ts'

/** The rounds of one contestant in one scenario. */
export interface CpuRow {
  readonly name: string
  readonly scores: readonly CpuScore[]
}

/** A line for each contestant and step; medians over the rounds. */
export function cpuTable(scenario: string, rows: readonly CpuRow[]): string[] {
  const header = ['', 'step', 'goodput', 'of best', 'critical', 'p99 answered', 'refused', 'varies']
  const best = Math.max(...rows.flatMap((row) => steps(row).map((step) => step.goodPerSecond)))
  const lines = rows.flatMap((row) =>
    steps(row).map((step, index) => [
      index === 0 ? row.name : '',
      step.phase,
      step.goodputRatio.toFixed(2),
      (step.goodPerSecond / best).toFixed(2),
      step.criticalRatio.toFixed(2),
      milliseconds(step.answeredP99Ms),
      step.refused.toFixed(0),
      step.variation.toFixed(2),
    ]),
  )
  const ways = rows.map(({ name, scores }) => {
    const refusal = middle(scores, ({ refusedP99Ms }) => refusedP99Ms)
    const back = middle(scores, ({ recoveryMs }) => recoveryMs)
    return `  ${name}: a refusal takes ${milliseconds(refusal)} (p99), ${back === Infinity ? 'never back' : `back after ${milliseconds(back)}`}`
  })
  return ['', scenario, ...columns([header, ...lines]).map((line) => `  ${line}`), ...ways]
}

function middle<T>(
  items: readonly T[],
  figure: (item: T) => number | undefined,
): number | undefined {
  return median(items.map(figure).filter((value) => value !== undefined))
}

/** Steps that were counted, each the median of its rounds. */
function steps({ scores }: CpuRow): StepScore[] {
  const [first] = scores
  return (first?.steps ?? []).map(({ phase }, index) => {
    const of = (figure: (step: StepScore) => number | undefined): number =>
      middle(scores, (one) => figure(one.steps[index]!)) ?? 0
    return {
      phase,
      goodPerSecond: of((step) => step.goodPerSecond),
      goodputRatio: of((step) => step.goodputRatio),
      criticalRatio: of((step) => step.criticalRatio),
      answeredP99Ms: of((step) => step.answeredP99Ms),
      refused: of((step) => step.refused),
      variation: of((step) => step.variation),
    }
  })
}
