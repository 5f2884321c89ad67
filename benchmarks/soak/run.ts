import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../lib/run-command.ts'
import { saveResult } from '../lib/save-result.ts'
import { parseArguments, usage } from './arguments.ts'
import type { Arguments } from './arguments.ts'
import { CountingClock } from './counting-clock.ts'
import { observe, overloadRatio } from './observe.ts'
import type { Soaked } from './observe.ts'
import { line, megabytes } from './sample.ts'
import type { Sample } from './sample.ts'
import { startService } from './service.ts'
import type { Service } from './service.ts'
import { judge } from './verdict.ts'

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2))
  if (args.isHelp) say(usage)
  else if (globalThis.gc === undefined) await runWithGc()
  else await soak(args)
}

/** The same again, in a process that can collect its garbage when it is told to. */
async function runWithGc(): Promise<void> {
  const options = ['--expose-gc', '--conditions=@spillway/source', ...process.execArgv]
  const own = fileURLToPath(import.meta.url)
  const child = spawn(process.execPath, [...options, own, ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => child.kill(signal))
  }
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 2
}

async function soak(args: Arguments): Promise<void> {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      interrupted.abort(new Error('Interrupted.'))
    })
  }
  if (args.jsonFile !== undefined) await mkdir(dirname(resolve(args.jsonFile)), { recursive: true })
  const outside = fork(new URL('outside.ts', import.meta.url), { execArgv: process.execArgv })
  outside.once('exit', () => {
    interrupted.abort(new Error('The process of the clients has ended.'))
  })
  const { signal } = interrupted
  let service: Service | undefined
  try {
    const [{ port }] = (await once(outside, 'message', { signal })) as [{ port: number }]
    const clock = new CountingClock()
    service = await startService(port, clock)
    const show = (sample: Sample): void => {
      say(line(sample))
    }
    const durationMs = args.minutes * 60_000
    say(
      `${args.minutes} min at ${overloadRatio} times what the downstream can do; in flight/limit +queued`,
    )
    await report(args, await observe(durationMs, service, clock, outside, signal, show))
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    if (outside.connected) outside.disconnect()
    service?.app.server.closeAllConnections()
    await service?.app.close()
  }
}

async function report(args: Arguments, soaked: Soaked): Promise<void> {
  const { clients } = soaked
  const verdict = judge(soaked)
  const { slopeBytesPerMinute, growthBytes, requests, leaks } = verdict
  say(
    `${requests} requests, ${clients.hungUp} clients hung up; heap ${megabytes(slopeBytesPerMinute)} MB a minute under load, ${megabytes(growthBytes)} MB from quiet to quiet`,
  )
  for (const leak of leaks) say(`LEAK: ${leak}`)
  if (leaks.length === 0) say('Nothing is left behind.')
  else process.exitCode = 1
  if (args.jsonFile === undefined) return
  const { minutes } = args
  await saveResult(resolve(args.jsonFile), ['fastify'], {
    minutes,
    overloadRatio,
    verdict,
    ...soaked,
  })
}

await runCommand('soak', main)
