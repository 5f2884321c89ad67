import { readFile } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'

/** What is installed, for results that somebody wants to repeat. */
export async function versionsOf(names: readonly string[]): Promise<Record<string, string>> {
  const entries = names.map(async (name): Promise<[string, string]> => {
    const file = findPackageJSON(name, import.meta.url)
    const manifest = file === undefined ? '{}' : await readFile(file, 'utf8')
    return [name, (JSON.parse(manifest) as { version?: string }).version ?? 'unknown']
  })
  return Object.fromEntries(await Promise.all(entries))
}
