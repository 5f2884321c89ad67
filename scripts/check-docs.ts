// Type-checks the TypeScript blocks of the documentation, each as a module of its own, as strictly
// as our own sources: what a page shows has to compile as it stands.
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { codeBlocks } from './code-blocks.ts'

const root = join(import.meta.dirname, '..')
const pages = ['*.md', 'docs/**/*.md', '{packages,examples}/*/README.md', 'benchmarks/*/README.md']
// Below the root, so that the workspaces and what they depend on are found.
const project = join(root, 'node_modules', '.cache', 'docs')

const options = {
  noEmit: true,
  composite: false,
  isolatedDeclarations: false,
  customConditions: ['@spillway/source'],
  allowImportingTsExtensions: true,
}

function main(): void {
  rmSync(project, { recursive: true, force: true })
  const files = globSync(pages, { cwd: root }).toSorted().flatMap(extract)
  const config = { extends: '../../../tsconfig.base.json', compilerOptions: options, files }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { status } = spawnSync(tsc, ['-p', '.'], { cwd: project, stdio: 'inherit' })
  console.log(`${files.length} code blocks of the docs ${status === 0 ? 'compile' : 'checked'}`)
  process.exitCode = status ?? 1
}

/** Writes a page's blocks; code keeps its line, so that an error names the line of the page. */
function extract(page: string): readonly string[] {
  return codeBlocks(readFileSync(join(root, page), 'utf8')).map(({ code, line }) => {
    const file = `${page}.${line}.mts`
    mkdirSync(join(project, dirname(file)), { recursive: true })
    writeFileSync(join(project, file), '\n'.repeat(line - 1) + code)
    return file
  })
}

main()
