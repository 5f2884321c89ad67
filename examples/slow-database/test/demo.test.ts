import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Bar } from '../src/verdict.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

let directory: string
let demo: ChildProcess | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demo-test-'))
  // Under root PostgreSQL runs as somebody else, who must be able to pass through.
  await chmod(directory, 0o755)
})

afterEach(async () => {
  if (demo?.exitCode === null) demo.kill('SIGKILL')
  demo = undefined
  await rm(directory, { recursive: true, force: true })
})

/** In a process group of its own, as a shell starts it, and with a directory of its own for data. */
function startDemo(...args: string[]): { child: ChildProcess; output: () => string } {
  let output = ''
  const child = spawn(process.execPath, ['--conditions=@spillway/source', main, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: directory },
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  demo = child
  return { child, output: () => output }
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null]
  return code
}

/** Its own processes share its group; PostgreSQL's data goes when PostgreSQL has gone. */
async function expectNothingLeft(child: ChildProcess): Promise<void> {
  expect(() => process.kill(-child.pid!, 0)).toThrow('ESRCH')
  for (let tries = 0; tries < 100 && (await leftovers()).length > 0; tries += 1) await sleep(50)
  expect(await leftovers()).toEqual([])
}

async function leftovers(): Promise<string[]> {
  const names = await readdir(directory)
  return names.filter((name) => name.startsWith('spillway-postgres-'))
}

interface Figures {
  readonly isMet: boolean
  readonly bars: readonly Bar[]
  readonly results: readonly {
    readonly name: string
    readonly summaries: readonly {
      readonly phase: string
      readonly arrivedPerSecond: number
      readonly goodputRatio: number
    }[]
    readonly series: readonly { readonly sent: number }[]
  }[]
}

describe('the demo', () => {
  // Whether the bars are met is for a quiet machine and the exit status to say; here only what no
  // load on the machine can change.
  it('tells its short story to the end', { timeout: 120_000 }, async () => {
    const file = join(directory, 'figures.json')
    const { child, output } = startDemo('--fast', '--headless', '--json', file)
    expect([0, 1], output()).toContain(await exitCodeOf(child))
    const figures = JSON.parse(await readFile(file, 'utf8')) as Figures
    expect(figures.bars).toHaveLength(5)
    const [bare, guarded] = figures.results
    for (const result of [bare, guarded]) {
      expect(result?.summaries.map(({ phase }) => phase)).toEqual(['healthy', 'slow', 'recovered'])
      expect(result?.series.length).toBeGreaterThan(150)
    }
    const slow = [bare, guarded].map((result) => result?.summaries[1]?.goodputRatio ?? NaN)
    expect(slow[1]).toBeGreaterThan(slow[0]!)
    expect(output()).toContain('with Spillway')
    await expectNothingLeft(child)
  })

  it('leaves nothing behind after Ctrl-C', { timeout: 60_000 }, async () => {
    const { child, output } = startDemo('--fast', '--headless')
    for (let tries = 0; tries < 400 && !output().includes('warm-up'); tries += 1) await sleep(100)
    expect(output()).toContain('warm-up')
    process.kill(-child.pid!, 'SIGINT')
    expect(await exitCodeOf(child)).toBe(130)
    await expectNothingLeft(child)
  })

  it('leaves nothing behind when it is killed', { timeout: 60_000 }, async () => {
    const { child, output } = startDemo('--fast', '--headless')
    for (let tries = 0; tries < 400 && !output().includes('warm-up'); tries += 1) await sleep(100)
    child.kill('SIGKILL')
    await exitCodeOf(child)
    for (let tries = 0; tries < 100 && isAlive(-child.pid!); tries += 1) await sleep(50)
    await expectNothingLeft(child)
  })

  it('answers a wrong option with one sentence', async () => {
    const { child, output } = startDemo('--fsat')
    expect(await exitCodeOf(child)).toBe(2)
    expect(output()).toMatch(/^[^\n]*--fsat[^\n]*\n$/)
  })

  it('says before the story that its figures could not be written', async () => {
    const { child, output } = startDemo('--json', join(directory, 'nowhere', 'figures.json'))
    expect(await exitCodeOf(child)).toBe(2)
    expect(output()).toMatch(/^Option --json[^\n]*nowhere[^\n]*ENOENT[^\n]*\n$/)
  })

  it('explains itself', async () => {
    const { child, output } = startDemo('--help')
    expect(await exitCodeOf(child)).toBe(0)
    expect(output()).toContain('Usage:')
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
