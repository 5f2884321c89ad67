import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The part of a package.json that the repository's own checks look at. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly engines?: { readonly node?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface Workspace {
  readonly manifest: Manifest
  /** Relative to the root of the repository, `packages/core`. */
  readonly folder: string
}

/** Every workspace below `root`, by the globs of its package.json, in the order of their folders. */
export function readWorkspaces(root: string): readonly Workspace[] {
  const { workspaces } = readJson(join(root, 'package.json')) as { workspaces: string[] }
  const manifests = globSync(
    workspaces.map((folder) => `${folder}/package.json`),
    { cwd: root },
  )
  return manifests
    .toSorted()
    .map((file) => ({ folder: dirname(file), manifest: readJson(join(root, file)) as Manifest }))
}

/** What a user gets with the package: its dependencies of every kind but development. */
export function shippedDependencies(manifest: Manifest): readonly string[] {
  const { dependencies, peerDependencies, optionalDependencies } = manifest
  return Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })
}

export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}
