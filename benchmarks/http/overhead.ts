/**
 * What the door limiter costs a route that has nothing else to do: the worst case, since a real
 * handler only makes the share smaller.
 *
 *   node --conditions=@spillway/source benchmarks/http/overhead.ts [rounds] [seconds]
 *
 * The last variant has no limiter, but a context that every request runs in: what it would cost to
 * find a request's deadline without being handed it.
 *
 * Each variant is a process of its own. Rounds are interleaved and change their order, so that what
 * else the machine does falls on all alike; a variant is compared with the bare one of its round.
 */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism, cpus, loadavg } from 'node:os'
import autocannon from 'autocannon'

const [rounds = 21, seconds = 1] = process.argv.slice(2).map(Number)
const names = ['bare', 'limiter', 'limiter, priority and deadline', 'AsyncLocalStorage'] as const

interface Variant {
  readonly name: string
  readonly server: ChildProcess
  readonly port: number
  readonly requestsPerSecond: number[]
  readonly cpuMicrosPerRequest: number[]
}

async function start(name: string): Promise<Variant> {
  const server = fork(new URL('overhead-server.ts', import.meta.url), [name], {
    execArgv: ['--conditions=@spillway/source'],
  })
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  return { name, server, port, requestsPerSecond: [], cpuMicrosPerRequest: [] }
}

async function cpuMicros({ server }: Variant): Promise<number> {
  server.send('numbers')
  const [answer] = (await once(server, 'message')) as [{ cpuMicros: number }]
  return answer.cpuMicros
}

async function measure(variant: Variant, duration: number): Promise<void> {
  const before = await cpuMicros(variant)
  const url = `http://127.0.0.1:${variant.port}/`
  const result = await autocannon({ url, connections: 10, pipelining: 1, duration })
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${variant.name}: ${result.non2xx} refused, ${result.errors} errors`)
  }
  const spent = (await cpuMicros(variant)) - before
  variant.requestsPerSecond.push(result.requests.total / result.duration)
  variant.cpuMicrosPerRequest.push(spent / result.requests.total)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function ratios(values: readonly number[], base: readonly number[]): number[] {
  return values.map((value, round) => value / base[round]!)
}

function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(3)}..${Math.max(...values).toFixed(3)}`
}

function row(variant: Variant, bare: Variant): Record<string, string> {
  const rate = ratios(variant.requestsPerSecond, bare.requestsPerSecond)
  const cpu = ratios(variant.cpuMicrosPerRequest, bare.cpuMicrosPerRequest)
  return {
    'requests/s': median(variant.requestsPerSecond).toFixed(0),
    'of bare': median(rate).toFixed(3),
    'of bare, spread': spread(rate),
    'CPU us/request': median(variant.cpuMicrosPerRequest).toFixed(1),
    'CPU of bare': median(cpu).toFixed(3),
    'CPU of bare, spread': spread(cpu),
  }
}

const variants = await Promise.all(names.map(start))
try {
  for (const variant of variants) await measure(variant, 2)
  for (const variant of variants) {
    variant.requestsPerSecond.length = 0
    variant.cpuMicrosPerRequest.length = 0
  }
  console.log(`Node ${process.version}, ${availableParallelism()} x ${cpus()[0]!.model}`)
  console.log(`load ${loadavg()[0]!.toFixed(2)}; ${rounds} rounds of ${seconds} s each`)
  for (let round = 0; round < rounds; round += 1) {
    const order = variants.map((_, index) => variants[(index + round) % variants.length]!)
    for (const variant of order) await measure(variant, seconds)
  }
  console.table(
    Object.fromEntries(variants.map((variant) => [variant.name, row(variant, variants[0]!)])),
  )
} finally {
  for (const { server } of variants) server.disconnect()
}
