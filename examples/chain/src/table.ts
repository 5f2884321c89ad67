import { columns } from '@spillway/example-slow-database/view/columns.ts'
import type { PhaseResult } from './story.ts'

export interface VariantResult {
  readonly name: string
  readonly phases: readonly PhaseResult[]
}

/** Attempts that reached the last service, per request of a client. */
export function amplification(results: readonly PhaseResult[]): number {
  return sum(results, 'attempts') / sum(results, 'requests')
}

function sum(results: readonly PhaseResult[], key: 'attempts' | 'requests'): number {
  return results.reduce((total, result) => total + result[key], 0)
}

export function resultTable(results: readonly VariantResult[]): string[] {
  return results.flatMap(({ name, phases }) => [
    `${name}:`,
    ...columns([
      ['', 'requests', 'attempts at the end', 'amplification', 'good answers'],
      ...phases.map(row),
    ]).map((line) => `  ${line}`),
    '',
  ])
}

function row(result: PhaseResult): string[] {
  const { phase, requests, attempts, good } = result
  const goodRatio = `${((good / requests) * 100).toFixed(0)} %`
  return [phase, String(requests), String(attempts), amplification([result]).toFixed(2), goodRatio]
}
