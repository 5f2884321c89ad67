// Packs every public package as npm would publish it, and asks publint and attw about the result.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readWorkspaces } from './workspaces.ts'
import type { Workspace } from './workspaces.ts'

const root = join(import.meta.dirname, '..')

const checks: readonly (readonly [tool: string, ...options: string[]])[] = [
  ['publint', 'run', '--strict'],
  ['attw', '--profile', 'esm-only', '--format', 'ascii', '--no-emoji'],
]

function main(): void {
  const target = mkdtempSync(join(tmpdir(), 'spillway-packages-'))
  try {
    const packages = readWorkspaces(root).filter(({ manifest }) => manifest.private !== true)
    const bad = packages.filter((workspace) => !isPublishable(workspace, target))
    console.log(`${packages.length - bad.length} packages fine, ${bad.length} not`)
    process.exitCode = bad.length === 0 ? 0 : 1
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
}

function isPublishable({ folder, manifest }: Workspace, target: string): boolean {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', target], {
    cwd: join(root, folder),
    encoding: 'utf8',
  })
  const tarball = join(target, tarballName(packed))
  const complaints = checks.flatMap(([tool, ...options]) => complaint(tool, [...options, tarball]))
  console.log([`${complaints.length === 0 ? '✓' : '✗'} ${manifest.name}`, ...complaints].join('\n'))
  return complaints.length === 0
}

function tarballName(json: string): string {
  const [pack] = Object.values(JSON.parse(json) as Record<string, { filename: string }>)
  if (pack === undefined) throw new Error('npm pack made no tarball')
  return pack.filename
}

/** What the tool printed, when it was not content. */
function complaint(tool: string, args: readonly string[]): readonly string[] {
  try {
    execFileSync(join(root, 'node_modules', '.bin', tool), args, { stdio: 'pipe' })
    return []
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer }
    return [`${tool}: ${String(stdout ?? error)}${String(stderr ?? '')}`.trim()]
  }
}

main()
