import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const source = (file: string): string =>
  readFileSync(join(import.meta.dirname, '..', 'src', file), 'utf8')

/** Modules whose declarations are part of the package's types, as far as `index.ts` names them. */
const publicModules = source('index.ts')
  .split('\n')
  .flatMap((line) => /^(?:export|}).* from '\.\/(.+\.ts)'$/.exec(line)?.[1] ?? [])

// With the types of plugin-kit comes `request.callOptions`, which nobody decorates where this plugin is
// alone: a call that is given it compiles, and has no deadline.
test('the types that users see promise nothing about requests', () => {
  expect(publicModules).toContain('breaker.ts')
  expect(publicModules).toContain('defined-breaker.ts')
  for (const file of ['index.ts', ...publicModules]) {
    expect(source(file), file).not.toMatch(/import type .* from '@spillway\/plugin-kit'/)
  }
})
