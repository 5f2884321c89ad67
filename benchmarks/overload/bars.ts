import type { Bar } from '@spillway/example-slow-database/verdict.ts'
import { median } from '../lib/median.ts'

/** The median of rounds, and between which values they lie. */
export function spread(values: readonly number[]): string {
  const middle = median(values)
  if (middle === undefined) return '-'
  if (values.length === 1) return text(middle)
  return `${text(middle)} (${text(Math.min(...values))} to ${text(Math.max(...values))})`
}

/** Two places, never rounded up: 0.979 is not 0.98. */
function text(value: number): string {
  return (Math.floor(value * 100 + 1e-9) / 100).toFixed(2)
}

/** The median of rounds has to reach a bound; a figure that nobody measured is no bar. */
export function atLeast(what: string, values: readonly number[], bound: number): Bar[] {
  const middle = median(values)
  if (middle === undefined) return []
  const isMet = middle >= bound
  return [{ what, wanted: `>= ${bound}`, measured: spread(values), isMet }]
}
