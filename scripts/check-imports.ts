import { existsSync, globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize, relative } from 'node:path'
import { allowedImports, benchmarks, isOurs } from './import-rules.ts'
import { packageOf, sourceImports } from './source-imports.ts'
import type { SourceImport } from './source-imports.ts'
import { readJson, readWorkspaces, shippedDependencies } from './workspaces.ts'
import type { Manifest, Workspace } from './workspaces.ts'

/** Everything in the repository at `root` that design forbids to import, a sentence each. */
export function importProblems(root: string): readonly string[] {
  const workspaces = readWorkspaces(root)
  return [
    ...workspaces.flatMap((workspace) => [
      ...manifestProblems(workspace),
      ...sourceProblems(root, workspace),
      ...referenceProblems(root, workspace, workspaces),
    ]),
    ...solutionProblems(root, workspaces),
  ]
}

function isPackage({ folder }: Workspace): boolean {
  return folder.startsWith('packages/')
}

function mayImport(workspace: Workspace, name: string): boolean {
  if (!isPackage(workspace)) return workspace.manifest.name === benchmarks || name !== benchmarks
  return allowedImports[workspace.manifest.name]?.includes(name) ?? false
}

function manifestProblems(workspace: Workspace): readonly string[] {
  const { name } = workspace.manifest
  const isUnlisted = isPackage(workspace) && !(name in allowedImports)
  const unlisted = isUnlisted ? [`${name} is not listed in import-rules.ts`] : []
  const forbidden = shippedDependencies(workspace.manifest)
    .filter((dependency) => isOurs(dependency) && !mayImport(workspace, dependency))
    .map((dependency) => `${name} must not depend on ${dependency}`)
  return [...unlisted, ...forbidden]
}

function sourceProblems(root: string, workspace: Workspace): readonly string[] {
  const files = globSync('**/*.ts', {
    cwd: join(root, workspace.folder),
    exclude: (path) => path === 'node_modules' || path === 'dist',
  })
  return files.toSorted().flatMap((file) => {
    const text = readFileSync(join(root, workspace.folder, file), 'utf8')
    return sourceImports(text)
      .map((found) => importProblem(workspace, file, found, rootTools(root)))
      .filter((problem) => problem !== undefined)
      .map((problem) => `${workspace.folder}/${file} ${problem}`)
  })
}

function importProblem(
  workspace: Workspace,
  file: string,
  { specifier, isStarExport }: SourceImport,
  tools: readonly string[],
): string | undefined {
  if (isStarExport) return `exports * from ${specifier}: name what it exports`
  if (specifier.startsWith('.')) return relativeProblem(file, specifier)
  const name = packageOf(specifier)
  if (name === undefined || isBuiltin(specifier) || name === workspace.manifest.name)
    return undefined
  const isOwnTest = isPackage(workspace) && !file.startsWith('src/')
  if (!isOwnTest && isOurs(name) && !mayImport(workspace, name)) return `must not import ${name}`
  const isShipped = isPackage(workspace) && !isOwnTest
  if (declared(workspace.manifest, isShipped, tools).includes(name)) return undefined
  return `imports ${name}, which its package.json does not declare`
}

function relativeProblem(file: string, specifier: string): string | undefined {
  const target = normalize(join(dirname(file), specifier))
  return target.startsWith('..') ? `leaves its package with ${specifier}` : undefined
}

/** Tests and tools may also use their own devDependencies and those of the repository. */
function declared(
  manifest: Manifest,
  isShipped: boolean,
  tools: readonly string[],
): readonly string[] {
  const shipped = shippedDependencies(manifest)
  if (isShipped) return shipped
  return [...shipped, ...Object.keys(manifest.devDependencies ?? {}), ...tools]
}

function rootTools(root: string): readonly string[] {
  const { devDependencies } = readJson(join(root, 'package.json')) as Manifest
  return Object.keys(devDependencies ?? {})
}

interface TsConfig {
  readonly references?: readonly { readonly path: string }[]
}

/** `tsc -b` builds in the order of the references, so they have to say what the manifest says. */
function referenceProblems(
  root: string,
  { folder, manifest }: Workspace,
  all: readonly Workspace[],
): readonly string[] {
  const file = join(root, folder, 'tsconfig.json')
  if (!existsSync(file)) return []
  const ours = shippedDependencies(manifest).filter((name) => isOurs(name))
  const expected = all
    .filter((workspace) => ours.includes(workspace.manifest.name))
    .map((workspace) => relative(folder, workspace.folder))
  return sameSet(`${folder}/tsconfig.json`, readReferences(file), expected)
}

/** The root builds every package, and checks all that is not shipped. */
function solutionProblems(root: string, all: readonly Workspace[]): readonly string[] {
  const built = all
    .filter(({ folder }) => existsSync(join(root, folder, 'tsconfig.json')))
    .map(({ folder }) => folder)
  const actual = readReferences(join(root, 'tsconfig.json'))
  return sameSet('tsconfig.json', actual, [...built, 'tsconfig.check.json'])
}

function readReferences(file: string): readonly string[] {
  const { references = [] } = readJson(file) as TsConfig
  return references.map(({ path }) => normalize(path))
}

function sameSet(
  file: string,
  actual: readonly string[],
  expected: readonly string[],
): readonly string[] {
  return [
    ...expected.filter((path) => !actual.includes(path)).map((path) => `lacks ${path}`),
    ...actual.filter((path) => !expected.includes(path)).map((path) => `needs no ${path}`),
  ].map((problem) => `${file}: references ${problem}`)
}
