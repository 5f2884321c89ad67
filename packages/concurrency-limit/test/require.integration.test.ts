import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')
const tsc = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
)

const script = `
const plugin = require('@spillway/concurrency-limit')
const app = require('fastify')()
app.register(plugin.concurrencyLimit)
app.get('/', async () => 'ok')
app.inject('/').then(async (response) => {
  console.log(response.statusCode, typeof plugin.default, app.limiters.default.name)
  await app.close()
})`

test('the built package works with require()', { timeout: 120_000 }, async () => {
  await run(process.execPath, [tsc, '-b', 'packages/concurrency-limit'], { cwd: root })
  const cwd = join(root, 'packages/concurrency-limit')
  const { stdout } = await run(process.execPath, ['-e', script], { cwd })
  expect(stdout.trim()).toBe('200 function default')
})
