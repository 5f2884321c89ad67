// The clients of one good day, in a process of their own. Each waits for a second, and does not say so.
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GoodDay } from './days.ts'

export interface ClientStart {
  readonly url: string
  readonly day: GoodDay
}

/** What has become of the requests of a day. */
export interface DayCounts {
  readonly sent: number
  /** Answered within the client's patience. */
  readonly good: number
  readonly refused: number
  /** Not answered within it, or not at all. */
  readonly late: number
  /** Of the good ones. */
  readonly latenciesMs: readonly number[]
}

type Outcome = 'good' | 'refused' | 'late'

const patienceMs = 1000
const tickMs = 2
/** Fewer than the 511 connections that Node lets the kernel hold. */
const atOnce = 100
const agent = new http.Agent({
  keepAlive: true,
  maxSockets: Infinity,
  maxFreeSockets: Infinity,
  scheduling: 'fifo',
})
const counts = { good: 0, refused: 0, late: 0 }
const latenciesMs: number[] = []

/** One request; resolves when it has been answered, or its client has given up. */
function ask(url: string, workMs: number): Promise<void> {
  const sentAt = performance.now()
  return new Promise((resolve) => {
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer)
      counts[outcome] += 1
      if (outcome === 'good') latenciesMs.push(performance.now() - sentAt)
      resolve()
    }
    const request = http.get(url, { agent, headers: { 'x-work-ms': workMs } }, (answer) => {
      answer.resume()
      answer.once('end', () => {
        settle(answer.statusCode === 200 ? 'good' : 'refused')
      })
    })
    request.once('error', () => {
      settle('late')
    })
    const timer = setTimeout(() => {
      request.destroy(new Error('The client has given up'))
    }, patienceMs)
  })
}

/** A day's clients were there before it: who comes new waits for what the kernel accepts. */
async function connect(url: string, connections: number): Promise<void> {
  for (let open = Math.min(atOnce, connections); ; open = Math.min(open + atOnce, connections)) {
    await Promise.all(Array.from({ length: open }, async () => ask(url, 0)))
    if (open === connections) break
  }
  Object.assign(counts, { good: 0, refused: 0, late: 0 })
  latenciesMs.length = 0
}

async function playArrivals(url: string, { arrivals }: GoodDay): Promise<void> {
  const startedAt = performance.now()
  const asked: Promise<void>[] = []
  for (let next = 0; next < arrivals.length;) {
    const now = performance.now() - startedAt
    for (; next < arrivals.length && arrivals[next]!.at <= now; next += 1) {
      asked.push(ask(url, arrivals[next]!.workMs))
    }
    await sleep(tickMs)
  }
  await Promise.all(asked)
}

async function playPool(url: string, { pool, durationMs }: GoodDay): Promise<void> {
  if (pool === undefined) return
  const until = performance.now() + durationMs
  const client = async (): Promise<void> => {
    while (performance.now() < until) await ask(url, pool.workMs)
  }
  await Promise.all(Array.from({ length: pool.clients }, client))
}

async function main({ url, day }: ClientStart): Promise<void> {
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    process.exit()
  })
  await connect(url, day.connections)
  await Promise.all([playArrivals(url, day), playPool(url, day)])
  const sent = counts.good + counts.refused + counts.late
  process.send?.({ ...counts, sent, latenciesMs } satisfies DayCounts)
}

await main(JSON.parse(process.argv[2]!) as ClientStart)
