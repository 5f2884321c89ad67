import { milliseconds } from '@spillway/example-slow-database/verdict.ts'
import { columns } from '@spillway/example-slow-database/view/columns.ts'

export interface Row {
  readonly name: string
  readonly goodputRatio: number
  readonly criticalRatio: number
  readonly criticalShareRatio: number
  readonly answeredP99Ms: number | undefined
  readonly refusedP99Ms: number | undefined
  readonly recoveryMs: number | undefined
}

const header = [
  '',
  'goodput',
  'of oracle',
  'critical',
  'of oracle',
  'critical share',
  'p99 answered',
  'p99 refused',
  'back after',
] as const

/** Ratios to the possible, and to the oracle in the same run. */
export function scenarioTable(scenario: string, rows: readonly Row[], oracle: string): string[] {
  const ceiling = rows.find(({ name }) => name === oracle)
  const cells = rows.map((row) => [
    row.name,
    row.goodputRatio.toFixed(2),
    ratio(row.goodputRatio, ceiling?.goodputRatio),
    row.criticalRatio.toFixed(2),
    ratio(row.criticalRatio, ceiling?.criticalRatio),
    row.criticalShareRatio.toFixed(2),
    milliseconds(row.answeredP99Ms),
    milliseconds(row.refusedP99Ms),
    row.recoveryMs === Infinity ? 'never' : milliseconds(row.recoveryMs),
  ])
  return ['', scenario, ...columns([header, ...cells]).map((line) => `  ${line}`)]
}

function ratio(part: number, whole: number | undefined): string {
  return whole === undefined || whole === 0 ? '-' : (part / whole).toFixed(2)
}
