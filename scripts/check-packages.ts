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
  const { filename, files } = pack(folder, target)
  const tarball = join(target, filename)
  const complaints = [
    ...contentProblems(files.map(({ path }) => path)),
    ...checks.flatMap(([tool, ...options]) => complaint(tool, [...options, tarball])),
  ]
  console.log([`${complaints.length === 0 ? '✓' : '✗'} ${manifest.name}`, ...complaints].join('\n'))
  return complaints.length === 0
}

interface Pack {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

function pack(folder: string, target: string): Pack {
  const json = execFileSync('npm', ['pack', '--json', '--pack-destination', target], {
    cwd: join(root, folder),
    encoding: 'utf8',
  })
  // An array up to npm 11, an object by package name after it.
  const [made] = Object.values(JSON.parse(json) as Record<string, Pack>)
  if (made === undefined) throw new Error(`npm pack made no tarball of ${folder}`)
  return made
}

function contentProblems(files: readonly string[]): readonly string[] {
  const missing = ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']
    .filter((file) => !files.includes(file))
    .map((file) => `${file} is missing`)
  const needless = files
    .filter((file) => !/^(dist\/.+\.(js|ts|map)|src\/.+\.ts|[^/]+)$/.test(file))
    .map((file) => `${file} is not for users`)
  return [...missing, ...needless]
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
