import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { machine } from '@spillway/example-slow-database/result.ts'
import { versionsOf } from './versions.ts'

/** Writes what was measured, with the day, the machine and the versions of what was compared. */
export async function saveResult(
  file: string,
  packages: readonly string[],
  content: Readonly<Record<string, unknown>>,
): Promise<void> {
  const versions = await versionsOf(packages)
  await mkdir(dirname(file), { recursive: true })
  const all = { date: today(), machine: machine(), versions, ...content }
  await writeFile(file, `${JSON.stringify(all, infinityAsText, 1)}\n`)
  process.stdout.write(`Written to ${file}\n`)
}

/** As in the names of files: 2026-11-24. */
export function today(): string {
  return new Date().toISOString().slice(0, 10)
}

/** JSON has no Infinity. */
function infinityAsText(_key: string, value: unknown): unknown {
  return value === Infinity ? 'never' : value
}
