import type { Scenario } from './scenario.ts'
import { isWorse } from './score.ts'
import type { TaskResult } from './task.ts'

/** The worst seed of the worst variant, with its marks: those only count if every run earned them. */
export interface Cell {
  readonly worst: TaskResult
  readonly pass: boolean
  readonly moonshot: boolean
}

export function summarize(results: readonly TaskResult[]): Cell | undefined {
  if (results.length === 0) return undefined
  const worst = results.reduce((so, one) => (isWorse(one, so) ? one : so))
  return {
    worst,
    pass: results.every(({ pass }) => pass),
    moonshot: results.every(({ moonshot }) => moonshot),
  }
}

/** Rounds down: 99.96 is not 100. */
export function scoreText(score: number): string {
  return (Math.floor(score * 10 + 1e-9) / 10).toFixed(1)
}

function mark({ pass, moonshot }: Cell): string {
  if (moonshot) return '**'
  return pass ? '* ' : '  '
}

const titleWidth = 44
const cellWidth = 12

function line(title: string, cells: readonly string[]): string {
  return title.padEnd(titleWidth) + cells.map((cell) => cell.padStart(cellWidth)).join('')
}

/** Scenario by limit, worst seed and variant each; the smallest of each column below. */
export function table(
  scenarios: readonly Scenario[],
  limits: readonly string[],
  results: readonly TaskResult[],
): string {
  const lines = [
    line(
      'scenario (worst seed, worst variant)',
      limits.map((name) => `${name}  `),
    ),
  ]
  const minimum = new Map<string, number>()
  for (const { id, title } of scenarios) {
    const cells = limits.map((limit) => {
      const cell = summarize(results.filter((r) => r.scenarioId === id && r.limit === limit))
      if (cell === undefined) return '-  '
      minimum.set(limit, Math.min(minimum.get(limit) ?? 100, cell.worst.score))
      return `${scoreText(cell.worst.score)} ${mark(cell)}`
    })
    lines.push(line(`${String(id).padStart(2)}  ${title}`, cells))
  }
  const bottom = limits.map((limit) => `${scoreText(minimum.get(limit) ?? Number.NaN)}   `)
  lines.push(line('worst scenario', bottom), '', '* pass   ** moonshot, in every variant and seed')
  return lines.join('\n')
}

/** Every variant with the figures of its worst seed. */
export function details(results: readonly TaskResult[]): string {
  const groups = new Map<string, TaskResult[]>()
  for (const result of results) {
    const key = `${result.scenarioId} ${result.variant}: ${result.limit}`
    groups.set(key, [...(groups.get(key) ?? []), result])
  }
  return [...groups.values()].map((group) => detailLine(summarize(group)!)).join('\n')
}

function detailLine(cell: Cell): string {
  const { scenarioId, variant, limit, seed, score, figures } = cell.worst
  const shown = Object.entries(figures).map(([name, value]) => `${name} ${short(value)}`)
  const what = `${String(scenarioId).padStart(2)}  ${variant}`.padEnd(titleWidth)
  const head = `${what} ${limit.padEnd(9)} ${scoreText(score).padStart(5)} ${mark(cell)}`
  return `${head} seed ${seed}  ${shown.join('  ')}`
}

function short(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  return String(Number(value.toPrecision(4)))
}
