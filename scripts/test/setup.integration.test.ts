import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'

const setupScript = join(import.meta.dirname, '..', 'setup.mjs')

/** A project of its own in a temporary folder, with the real script and nothing to install. */
let project: string

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'spillway-setup-'))
  await mkdir(join(project, 'scripts'))
  await cp(setupScript, join(project, 'scripts', 'setup.mjs'))
  await mkdir(join(project, 'lib'))
  await writeFile(join(project, 'lib', 'package.json'), '{ "name": "lib", "version": "1.0.0" }')
  await writeLock('1.0.0')
})

afterEach(async () => {
  await rm(project, { recursive: true, force: true })
})

test('installs once, says so in one line, and is silent when nothing has changed', async () => {
  const first = await setUp()
  expect(first).toMatchObject({ status: 0, stderr: '' })
  expect(first.stdout).toMatch(
    /^Setting up: installing dependencies with npm ci … done in \d+ s\.\n$/,
  )

  expect(await setUp()).toEqual({ status: 0, stdout: '', stderr: '' })
})

test('installs again when the lock file has changed', async () => {
  await setUp()
  await writeLock('1.0.1')

  expect((await setUp()).stdout).toContain('installing dependencies')
})

test('shows the output of an npm ci that fails, and tries again the next time', async () => {
  await writeFile(join(project, 'package-lock.json'), lockFile({ packages: {} }))
  const failed = await setUp()
  expect(failed.status).toBe(1)
  expect(failed.stderr).toMatch(
    /npm error[^]*\nnpm ci failed with status 1; its output is above\.\n$/,
  )

  await writeLock('1.0.0')
  expect((await setUp()).status).toBe(0)
})

test('says in one sentence that the disk is full', async () => {
  await fakeNpm('echo "npm error code ENOSPC" >&2; exit 228')

  const { status, stderr } = await setUp({ PATH: project })

  expect(status).toBe(1)
  expect(stderr).toMatch(/^There is not enough disk space .*\.\n$/)
})

test('says in one sentence that npm is missing', async () => {
  await symlink(process.execPath, join(project, 'node'))

  const { status, stderr } = await setUp({ PATH: project })

  expect(status).toBe(1)
  expect(stderr).toMatch(/^npm was not found: .*\.\n$/)
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends npm and all it has started', async (signal) => {
  // A background job of a shell ignores SIGINT: it must be gone all the same.
  await fakeNpm(`/bin/sleep 60 & echo $! > '${project}/pid'; wait`)
  const child = start({ PATH: project })
  const closed = once(child, 'close')
  const pid = await eventually(async () => Number(await readFile(join(project, 'pid'), 'utf8')))

  child.kill(signal)

  expect((await closed)[0]).toBe(signal === 'SIGINT' ? 130 : 143)
  await eventually(async () => expect(isRunning(pid)).toBe(false))
})

async function writeLock(version: string): Promise<void> {
  const manifest = { name: 'fixture', version, workspaces: ['lib'] }
  const packages = {
    '': manifest,
    lib: { version: '1.0.0' },
    'node_modules/lib': { resolved: 'lib', link: true },
  }
  await writeFile(join(project, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(project, 'package-lock.json'), lockFile({ ...manifest, packages }))
}

function lockFile(content: object): string {
  return JSON.stringify({ lockfileVersion: 3, requires: true, ...content })
}

/** Puts a program called npm into the project folder, for failures that cannot be had for real. */
async function fakeNpm(script: string): Promise<void> {
  const file = join(project, 'npm')
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
}

function start(env: NodeJS.ProcessEnv): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [join(project, 'scripts', 'setup.mjs')], {
    env: { HOME: process.env['HOME'], PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function setUp(
  env: NodeJS.ProcessEnv = {},
): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = start(env)
  const [[status], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ])
  return { status, stdout, stderr }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function eventually<T>(check: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + 10_000
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
