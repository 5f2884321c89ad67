import { spawn, spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

function run(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--conditions=@spillway/source', main, ...args], {
    encoding: 'utf8',
    timeout: 25_000,
  })
}

/** Amplification of each phase, variant after variant. */
function amplifications(output: string): number[] {
  return [...output.matchAll(/^ {2}\S.* (\d+\.\d\d) +\d+ %$/gm)].map(([, value]) => Number(value))
}

test('naive retries multiply during the outage, a budget does not, and it ends by itself', () => {
  const { stdout, stderr, status, signal } = run('--fast')
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null })
  const values = amplifications(stdout)
  expect(values).toHaveLength(8)
  expect(values[2]).toBeGreaterThan(5)
  // Over the whole story: a phase by itself may spend what an earlier one has paid for.
  const [, whole] = /([\d.]+) with the budget \(wanted: at most 1\.10\)/.exec(stdout) ?? []
  expect(Number(whole)).toBeLessThanOrEqual(1.1)
})

test('Ctrl-C ends it at once; it has no other process that could stay', async () => {
  const child = spawn(process.execPath, ['--conditions=@spillway/source', main, '--fast'])
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([null, 'SIGINT'])
})

test('explains itself', () => {
  const { stdout, status } = run('--help')
  expect(status).toBe(0)
  expect(stdout).toContain('--fast')
})

test.each([['--fsat'], ['--fast=yes'], ['extra']])('answers %s with one sentence', (argument) => {
  const { stderr, status } = run(argument)
  expect(status).toBe(2)
  expect(stderr).toMatch(/^[^\n]{10,120}\n$/)
})
