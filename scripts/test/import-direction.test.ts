import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { importProblems } from '../check-imports.ts'
import { sourceImports } from '../source-imports.ts'

test('nothing in this repository is imported against the direction of design', () => {
  expect(importProblems(join(import.meta.dirname, '..', '..'))).toEqual([])
})

describe('in a small repository', () => {
  let root: string

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'spillway-imports-'))
    write('package.json', {
      workspaces: ['packages/*', 'examples/*', 'benchmarks'],
      devDependencies: { vitest: '5' },
    })
    write('tsconfig.json', references('packages/core', 'packages/guard', 'tsconfig.check.json'))
    write('packages/core/package.json', { name: '@spillway/core' })
    write('packages/core/tsconfig.json', {})
    write('packages/test-support/package.json', { name: '@spillway/test-support' })
    write('packages/guard/package.json', {
      name: '@spillway/guard',
      dependencies: { '@spillway/core': '0.0.0', 'fastify-plugin': '6' },
      devDependencies: { '@spillway/test-support': '0.0.0' },
    })
    write('packages/guard/tsconfig.json', references('../core'))
    write(
      'packages/guard/src/index.ts',
      "import type { Permit } from '@spillway/core'\nimport './a.ts'",
    )
    write(
      'packages/guard/test/a.test.ts',
      "import '@spillway/test-support/postgres'\nimport 'vitest'",
    )
    write('benchmarks/package.json', {
      name: '@spillway/benchmarks',
      dependencies: { '@spillway/example-shop': '0.0.0' },
    })
    write('examples/shop/package.json', {
      name: '@spillway/example-shop',
      dependencies: { '@spillway/guard': '0.0.0' },
    })
  })

  afterEach(() => {
    rmSync(root, { recursive: true, force: true })
  })

  test('arrows that design draws are fine', () => {
    expect(importProblems(root)).toEqual([])
  })

  test.each([
    [
      'a dependency against the direction',
      'packages/core/package.json',
      { name: '@spillway/core', dependencies: { '@spillway/guard': '0.0.0' } },
      '@spillway/core must not depend on @spillway/guard',
    ],
    [
      'test-support that would be shipped',
      'packages/core/package.json',
      { name: '@spillway/core', peerDependencies: { '@spillway/test-support': '0.0.0' } },
      '@spillway/core must not depend on @spillway/test-support',
    ],
    [
      'a package that nobody has placed',
      'packages/new/package.json',
      { name: '@spillway/new' },
      '@spillway/new is not listed in import-rules.ts',
    ],
    [
      'an example that needs the benchmarks',
      'examples/shop/package.json',
      { name: '@spillway/example-shop', dependencies: { '@spillway/benchmarks': '0.0.0' } },
      '@spillway/example-shop must not depend on @spillway/benchmarks',
    ],
    [
      'a plugin that imports a plugin',
      'packages/guard/src/b.ts',
      "import {\n  a,\n  b,\n} from '@spillway/cache'",
      'packages/guard/src/b.ts must not import @spillway/cache',
    ],
    [
      'a source that imports what only tests may',
      'packages/guard/src/b.ts',
      "const { x } = await import('@spillway/test-support')",
      'packages/guard/src/b.ts must not import @spillway/test-support',
    ],
    [
      'an import that leaves the package',
      'packages/guard/src/b.ts',
      "export { x } from '../../core/src/x.ts'",
      'packages/guard/src/b.ts leaves its package with ../../core/src/x.ts',
    ],
    [
      'an import that is found only because npm hoists',
      'packages/guard/src/b.ts',
      "import pg from 'pg'",
      'packages/guard/src/b.ts imports pg, which its package.json does not declare',
    ],
    [
      'a star export',
      'packages/guard/src/b.ts',
      "export * from './a.ts'",
      'packages/guard/src/b.ts exports * from ./a.ts: name what it exports',
    ],
    [
      'a reference that is missing',
      'packages/guard/tsconfig.json',
      {},
      'packages/guard/tsconfig.json: references lacks ../core',
    ],
    [
      'a package that is not built',
      'tsconfig.json',
      references('./packages/core', 'tsconfig.check.json'),
      'tsconfig.json: references lacks packages/guard',
    ],
  ])('%s is a problem', (_name, file, content, problem) => {
    write(file, content)
    expect(importProblems(root)).toContain(problem)
  })

  function references(...paths: readonly string[]): object {
    return { references: paths.map((path) => ({ path })) }
  }

  function write(file: string, content: object | string): void {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), typeof content === 'string' ? content : JSON.stringify(content))
  }
})

test('imports in comments and strings are no imports', () => {
  const text = [
    "// import a from 'a'",
    "/** import b from 'b' */",
    "const text = `it comes from 'c'`",
    "import type { D } from 'd'",
  ].join('\n')

  expect(sourceImports(text)).toEqual([{ specifier: 'd', isStarExport: false }])
})
