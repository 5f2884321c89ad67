/** One module specifier in a source text. */
export interface SourceImport {
  readonly specifier: string
  /** `export * from`: a public surface is a list of names, never this. */
  readonly isStarExport: boolean
}

const comments = /\/\*[^]*?\*\/|^\s*\/\/.*$/gm
const statements = /^\s*(?:import|export)\b([^'"`;=]*?)\bfrom\s*['"]([^'"]+)['"]/gm
const sideEffects = /^\s*import\s*['"]([^'"]+)['"]/gm
const dynamic = /\bimport\(\s*['"]([^'"]+)['"]/g

/** The imports and re-exports of a TypeScript text, by shape: enough for how we format them. */
export function sourceImports(text: string): readonly SourceImport[] {
  const code = text.replace(comments, '')
  const named = [...code.matchAll(statements)].map(([, what = '', specifier = '']) => ({
    specifier,
    isStarExport: what.trim() === '*',
  }))
  const bare = [...code.matchAll(sideEffects), ...code.matchAll(dynamic)]
  return [...named, ...bare.map(([, specifier = '']) => ({ specifier, isStarExport: false }))]
}

/** `@scope/name/sub` is of package `@scope/name`; relative paths and Node's own modules of none. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
