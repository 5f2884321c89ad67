import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { machine } from '@spillway/example-slow-database/result.ts'
import { versionsOf } from '../lib/versions.ts'
import { parseArguments, usage, UsageError } from './arguments.ts'
import type { Arguments } from './arguments.ts'
import type { ClientCounts } from './clients.ts'
import { CountingClock } from './counting-clock.ts'
import type { Order } from './outside.ts'
import { line, megabytes, takeSample } from './sample.ts'
import type { Sample } from './sample.ts'
import { startService } from './service.ts'
import type { Service } from './service.ts'
import { judge, warmUpMs } from './verdict.ts'
import type { Observation, Verdict } from './verdict.ts'

const overloadRatio = 2
const sampleEveryMs = 10_000
/** How long calls whose callers have left may run on, and sockets linger, after the last answer. */
const quietMs = 8000

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
  try {
    const { signal } = interrupted
    const [{ port }] = (await once(outside, 'message', { signal })) as [{ port: number }]
    const clock = new CountingClock()
    const service = await startService(port, clock)
    await report(args, await observe(args, service, clock, outside, signal))
    await service.app.close()
  } catch (error) {
    throw interrupted.signal.aborted ? interrupted.signal.reason : error
  } finally {
    if (outside.connected) outside.disconnect()
  }
}

interface Soaked extends Observation {
  readonly clients: ClientCounts
}

async function observe(
  { minutes }: Arguments,
  service: Service,
  clock: CountingClock,
  outside: ChildProcess,
  signal: AbortSignal,
): Promise<Soaked> {
  const startedAt = performance.now()
  const look = (): Sample => {
    const sample = takeSample(service, clock, performance.now() - startedAt)
    say(line(sample))
    return sample
  }
  const loaded: Sample[] = []
  const load = async (forMs: number): Promise<ClientCounts> => {
    send(outside, { kind: 'send', port: service.port, overloadRatio })
    for (let left = forMs; left > 0; left -= sampleEveryMs) {
      await sleep(Math.min(left, sampleEveryMs), undefined, { signal })
      loaded.push(look())
    }
    send(outside, { kind: 'stop' })
    const [{ counts }] = (await once(outside, 'message', { signal })) as [{ counts: ClientCounts }]
    await sleep(quietMs, undefined, { signal })
    return counts
  }
  const durationMs = minutes * 60_000
  const base = look()
  await load(warmUpMs(durationMs))
  const start = look()
  const clients = await load(durationMs - warmUpMs(durationMs))
  return { base, start, end: look(), loaded, clients }
}

function send(outside: ChildProcess, order: Order): void {
  outside.send(order)
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
  if (args.jsonFile !== undefined) await save(args, args.jsonFile, verdict, soaked)
}

async function save(
  { minutes }: Arguments,
  jsonFile: string,
  verdict: Verdict,
  soaked: Soaked,
): Promise<void> {
  const file = resolve(jsonFile)
  const date = new Date().toISOString().slice(0, 10)
  const versions = await versionsOf(['fastify'])
  const all = {
    date,
    machine: machine(),
    versions,
    minutes,
    overloadRatio,
    verdict,
    ...soaked,
  }
  await writeFile(file, `${JSON.stringify(all, undefined, 1)}\n`)
  say(`Written to ${file}`)
}

try {
  await main()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(
    `${error instanceof UsageError ? '' : 'The soak could not run: '}${message}\n`,
  )
  process.exitCode = 2
}
