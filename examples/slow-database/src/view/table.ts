import type { Summary } from '../accounting/summary.ts'
import type { Bar } from '../verdict.ts'
import { milliseconds } from '../verdict.ts'
import { columns } from './columns.ts'

export interface ResultColumn {
  readonly name: string
  readonly summaries: readonly Summary[]
}

/** All services side by side, phase by phase. */
export function resultTable(results: readonly ResultColumn[]): string[] {
  const phases = results[0]?.summaries ?? []
  return phases.flatMap(({ phase, arrivedPerSecond, possiblePerSecond }, index) => {
    const summaries = results.map(({ summaries: all }) => all[index]!)
    const title = `${phase}: ${arrivedPerSecond.toFixed(0)} requests/s, ${possiblePerSecond.toFixed(0)} of them possible`
    return [title, ...columns(phaseRows(results, summaries)).map((line) => `  ${line}`), '']
  })
}

function phaseRows(results: readonly ResultColumn[], summaries: readonly Summary[]): string[][] {
  const line = (title: string, cell: (summary: Summary) => string): string[] => [
    title,
    ...summaries.map(cell),
  ]
  return [
    ['', ...results.map(({ name }) => name)],
    line('good answers a second', ({ goodPerSecond }) => goodPerSecond.toFixed(1)),
    line('of the possible', ({ goodputRatio }) => percent(goodputRatio)),
    line('of them orders', ({ criticalRatio }) => percent(criticalRatio)),
    line('p50 of what was not refused', ({ answered }) => milliseconds(answered.p50Ms)),
    line('p99 of what was not refused', ({ answered }) => milliseconds(answered.p99Ms)),
    line('timed out', ({ counts }) => String(counts.timed_out + counts.failed)),
    line('refused', ({ counts }) => String(counts.refused + counts.refused_late)),
    line('p99 of a refusal', ({ refusedInside }) => milliseconds(refusedInside.p99Ms)),
  ]
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`
}

export function barTable(bars: readonly Bar[]): string[] {
  const rows = bars.map(({ what, wanted, measured, isMet }) => [
    `${isMet ? '✓' : '✗'} ${what}`,
    measured,
    wanted,
  ])
  return columns([['', 'measured', 'wanted'], ...rows])
}
