import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startPostgres } from '../src/postgres.ts'

const launcher = new URL('../src/postgres.ts', import.meta.url).href

/** A process that starts a server, says its id, and waits. */
const program = `
import { startPostgres } from ${JSON.stringify(launcher)}
const { pid } = await startPostgres()
console.log(pid)
setInterval(() => undefined, 1000)
`

test.each(['SIGKILL', 'SIGINT'] as const)(
  'the server ends with the process that started it, even by %s',
  async (signal) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const pid = Number(line)
    expect(isAlive(pid)).toBe(true)
    child.kill(signal)
    await once(child, 'exit')
    const giveUpAt = performance.now() + 15_000
    while (isAlive(pid) && performance.now() < giveUpAt) await sleep(50)
    expect(isAlive(pid)).toBe(false)
  },
  60_000,
)

test.skipIf(process.getuid?.() !== 0)(
  'a TMPDIR that only root may enter is refused in one sentence, which says what to do',
  async () => {
    const locked = await mkdtemp(join(tmpdir(), 'spillway-locked-'))
    onTestFinished(async () => {
      vi.unstubAllEnvs()
      await rm(locked, { recursive: true })
    })
    await chmod(locked, 0o700)
    const inside = join(locked, 'open')
    await mkdir(inside, { mode: 0o755 })
    vi.stubEnv('TMPDIR', inside)
    await expect(startPostgres()).rejects.toThrow(
      `PostgreSQL does not run as root but as nobody, who may not enter ${locked}: set TMPDIR to a directory that everybody may enter, such as /tmp`,
    )
    expect(await readdir(inside)).toEqual([])
  },
)

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
