import { readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isOurs } from '../import-rules.ts'
import { readJson, readWorkspaces, shippedDependencies } from '../workspaces.ts'

const root = join(import.meta.dirname, '..', '..')
const workspaces = readWorkspaces(root)
const packages = workspaces.filter(({ manifest }) => manifest.private !== true)
const supportedNodes = '^22.19 || ^24.11 || >=26'

test('all workspaces have one version, and depend on each other in exactly that one', () => {
  const versions = workspaces.flatMap(({ manifest }) => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies }
    const ours = Object.entries(all).filter(([name]) => isOurs(name))
    return [manifest.version, ...ours.map(([, version]) => version)]
  })
  expect(new Set(versions).size).toBe(1)
})

test('changesets moves all workspaces together', () => {
  const config = readJson(join(root, '.changeset', 'config.json')) as { fixed: string[][] }
  const others = workspaces.filter(
    ({ manifest: { name } }) => !config.fixed[0]?.some((glob) => matchesGlob(name, glob)),
  )
  expect(others).toEqual([])
})

test('core depends on nothing', () => {
  const core = packages.find(({ manifest }) => manifest.name === '@spillway/core')
  expect(core && shippedDependencies(core.manifest)).toEqual([])
})

describe.each(packages)('$manifest.name', ({ manifest, folder }) => {
  test('says which Node it needs', () => {
    expect(manifest.engines?.node).toBe(supportedNodes)
  })

  test('has a README', () => {
    expect(readFileSync(join(root, folder, 'README.md'), 'utf8')).toContain(manifest.name)
  })
})

describe('package-lock.json', () => {
  const lock = readJson(join(root, 'package-lock.json')) as { packages: Record<string, LockEntry> }
  const entries = Object.entries(lock.packages)

  test('names no registry: where packages come from is the business of each machine', () => {
    const hosts = entries.filter(([, { resolved }]) => resolved?.includes('://'))
    expect(hosts.map(([path]) => path)).toEqual([])
  })

  test('has a checksum for everything that is downloaded', () => {
    const downloads = entries.filter(([path, { link }]) => path.includes('node_modules/') && !link)
    expect(downloads.filter(([, entry]) => !entry.integrity).map(([path]) => path)).toEqual([])
  })

  // npm ci refuses a lock that leaves one out, as npm writes it when a binary is not published yet.
  test('has every binary of every platform', () => {
    const locked = new Set(
      entries.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 13)),
    )
    const wanted = entries.flatMap(([, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}),
    )
    expect(wanted.filter((name) => !locked.has(name))).toEqual([])
  })
})

interface LockEntry {
  readonly resolved?: string
  readonly link?: boolean
  readonly integrity?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
