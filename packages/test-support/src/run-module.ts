import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface ModuleEnd {
  /** 13: it ended although somebody was still awaited. Null: it did not end in time. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** More than a busy machine needs to start a process; far less than the timers in the scripts. */
const timeoutMs = 25_000

/** Runs a module from source in a process of its own. @param folder where its imports are looked up */
export async function runModule(code: string, folder: string): Promise<ModuleEnd> {
  const child = spawn(
    process.execPath,
    ['--conditions=@spillway/source', '--input-type=module', '--eval', code],
    { cwd: folder, timeout: timeoutMs, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const [exitCode] = (await once(child, 'exit')) as [number | null]
  const [stdout, stderr] = await output
  return { code: exitCode, stdout, stderr }
}
