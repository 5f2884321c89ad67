/**
 * What the door limiter and load shedding cost, on two routes: one that has nothing else to do, the worst case there
 * is, and one that makes the shortest query there is, by primary key, on a real PostgreSQL.
 *
 *   node --conditions=@spillway/source benchmarks/http/overhead.ts [rounds] [seconds]
 *
 * `AsyncLocalStorage` has no limiter, but a context that every request runs in: what it would cost to
 * find a request's deadline without being handed it.
 *
 * Each variant is a process of its own. Rounds are interleaved and change their order, so that what
 * else the machine does falls on all alike; a variant is compared with the bare one of its round.
 */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { startPostgres } from '@spillway/test-support/postgres'
import autocannon from 'autocannon'
import pg from 'pg'
import { createItems } from '../lib/items.ts'
import { median } from '../lib/median.ts'

const [rounds = 21, seconds = 1] = process.argv.slice(2).map(Number)
const routes = {
  '/': ['bare', 'limiter', 'limiter, priority and deadline', 'load-shed', 'AsyncLocalStorage'],
  '/item': ['bare', 'limiter', 'limiter, priority and deadline', 'load-shed'],
} as const
type Route = keyof typeof routes

interface Variant {
  readonly name: string
  readonly route: Route
  readonly server: ChildProcess
  readonly port: number
  readonly requestsPerSecond: number[]
  readonly cpuMicrosPerRequest: number[]
}

async function start(name: string, route: Route, database: string): Promise<Variant> {
  const args = [name, route, database]
  const server = fork(new URL('overhead-server.ts', import.meta.url), args, {
    execArgv: ['--conditions=@spillway/source'],
  })
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  return { name, route, server, port, requestsPerSecond: [], cpuMicrosPerRequest: [] }
}

async function seed(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await createItems(client)
  await client.end()
}

async function cpuMicros({ server }: Variant): Promise<number> {
  server.send('numbers')
  const [answer] = (await once(server, 'message')) as [{ cpuMicros: number }]
  return answer.cpuMicros
}

async function measure(variant: Variant, duration: number): Promise<void> {
  const before = await cpuMicros(variant)
  const url = `http://127.0.0.1:${variant.port}${variant.route}`
  const result = await autocannon({ url, connections: 10, pipelining: 1, duration })
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${variant.name}: ${result.non2xx} refused, ${result.errors} errors`)
  }
  const spent = (await cpuMicros(variant)) - before
  variant.requestsPerSecond.push(result.requests.total / result.duration)
  variant.cpuMicrosPerRequest.push(spent / result.requests.total)
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
    'requests/s': median(variant.requestsPerSecond)!.toFixed(0),
    'of bare': median(rate)!.toFixed(3),
    'of bare, spread': spread(rate),
    'CPU us/request': median(variant.cpuMicrosPerRequest)!.toFixed(1),
    'CPU of bare': median(cpu)!.toFixed(3),
    'CPU of bare, spread': spread(cpu),
  }
}

await using postgres = await startPostgres()
const { host, port, user, database } = postgres
const connectionString = `postgres://${user}@${host}:${port}/${database}`
await seed(connectionString)
console.log(`Node ${process.version}, ${availableParallelism()} x ${cpus()[0]!.model}`)
console.log(`load ${loadavg()[0]!.toFixed(2)}; ${rounds} rounds of ${seconds} s each`)
for (const route of Object.keys(routes) as Route[]) await compare(route)

async function compare(route: Route): Promise<void> {
  const variants = await Promise.all(
    routes[route].map((name) => start(name, route, connectionString)),
  )
  try {
    for (const variant of variants) await measure(variant, 2)
    for (const variant of variants) forget(variant)
    for (let round = 0; round < rounds; round += 1) await measureInTurn(variants, round)
    const rows = variants.map((variant) => [`${route} ${variant.name}`, row(variant, variants[0]!)])
    console.table(Object.fromEntries(rows))
  } finally {
    for (const { server } of variants) server.disconnect()
  }
}

/** What was measured while warming up. */
function forget(variant: Variant): void {
  variant.requestsPerSecond.length = 0
  variant.cpuMicrosPerRequest.length = 0
}

async function measureInTurn(variants: readonly Variant[], round: number): Promise<void> {
  for (let index = 0; index < variants.length; index += 1) {
    await measure(variants[(index + round) % variants.length]!, seconds)
  }
}
