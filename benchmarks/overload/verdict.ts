import type { Bar } from '@spillway/example-slow-database/verdict.ts'
import { barTable } from '@spillway/example-slow-database/view/table.ts'

/** Says which bars were met; a command that missed one ends with status 1. */
export function conclude(bars: readonly Bar[], say: (line: string) => void): void {
  if (bars.length === 0) return
  for (const line of ['', 'Spillway:', ...barTable(bars)]) say(line)
  if (bars.some(({ isMet }) => !isMet)) process.exitCode = 1
}
