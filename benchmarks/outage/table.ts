import { columns } from '@spillway/example-slow-database/view/columns.ts'
import { median } from '../lib/median.ts'
import type { Score } from './score.ts'

export interface Row {
  readonly name: string
  /** One of each round. */
  readonly scores: readonly Score[]
}

const header = [
  '',
  'cut off after',
  'hung',
  'sent while gone',
  'found again after',
  'queries at once',
  'usual',
  'connections',
  'usual',
] as const

/** Median of the rounds, and the worst of them. */
export function faultTable(fault: string, rows: readonly Row[]): string[] {
  const cells = rows.map(({ name, scores }) => [
    name,
    ofRounds(scores, (one) => one.cutOffMs, ' ms'),
    ofRounds(scores, (one) => one.hung),
    ofRounds(scores, (one) => one.sentWhileGone),
    ofRounds(scores, (one) => one.foundMs, ' ms'),
    ofRounds(scores, (one) => one.herd),
    ofRounds(scores, (one) => one.usual),
    ofRounds(scores, (one) => one.connections),
    ofRounds(scores, (one) => one.usualConnections),
  ])
  return [
    '',
    `${fault} (median / worst)`,
    ...columns([header, ...cells]).map((line) => `  ${line}`),
  ]
}

function ofRounds(scores: readonly Score[], figure: (one: Score) => number, unit = ''): string {
  const values = scores.map(figure)
  const [middle, worst] = [median(values) ?? 0, Math.max(...values)]
  return middle === Infinity ? 'never' : `${text(middle)} / ${text(worst)}${unit}`
}

function text(value: number): string {
  return value === Infinity ? 'never' : value.toFixed(0)
}
