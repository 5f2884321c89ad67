import { setTimeout as sleep } from 'node:timers/promises'
import { startFaultProxy } from '@spillway/test-support/fault-proxy'
import type { PostgresServer } from '@spillway/test-support/postgres'
import pg from 'pg'
import type { Client, Contestant } from './contestants/contestant.ts'
import type { Fault } from './faults.ts'
import { startObserver } from './observer.ts'
import type { Call, Recording } from './recording.ts'

export interface Story {
  readonly callsPerSecond: number
  /** How long a caller waits. */
  readonly patienceMs: number
  readonly healthyMs: number
  readonly brokenMs: number
  readonly afterwardsMs: number
}

/** More connections than any contestant needs while all is well. */
const poolSize = 100

/** The database breaks and comes back under one contestant, with a proxy and a pool of its own. */
export async function play(
  server: PostgresServer,
  contestant: Contestant,
  fault: Fault,
  story: Story,
  signal: AbortSignal,
): Promise<Recording> {
  const proxy = await startFaultProxy(server)
  const pool = makePool(server, proxy.port)
  const client = contestant.makeClient(pool, story.patienceMs)
  const observer = await startObserver(server)
  const load = startLoad(client, story.callsPerSecond)
  const pause = async (ms: number): Promise<void> => sleep(ms, undefined, { signal })
  try {
    await pause(story.healthyMs)
    const brokenAt = performance.now()
    await fault.begin(proxy)
    await pause(story.brokenMs)
    const repairedAt = performance.now()
    await fault.end(proxy)
    await pause(story.afterwardsMs)
    const calls = await load.stop()
    return { brokenAt, repairedAt, calls, samples: await observer.stop() }
  } finally {
    await Promise.all([load.stop(), observer.stop()])
    client.close()
    // Resets what hangs, so that the pool can end.
    await proxy.close()
    await pool.end()
  }
}

function makePool({ host, user, database }: PostgresServer, port: number): pg.Pool {
  const pool = new pg.Pool({
    host,
    user,
    database,
    port,
    max: poolSize,
    connectionTimeoutMillis: 1000,
  })
  // Idle connections that break are part of the story.
  pool.on('error', () => undefined)
  return pool
}

interface Load {
  /** Settles when all calls have ended. */
  stop(): Promise<readonly Call[]>
}

/** While the load grows to its full rate, so that the pool can grow with it. */
const rampMs = 1000

/** An open loop: calls come whether others have been answered or not. */
function startLoad(client: Client, perSecond: number): Load {
  const calls: Promise<Call>[] = []
  const startedAt = performance.now()
  const timer = setInterval(() => {
    const ms = performance.now() - startedAt
    const fullMs = ms < rampMs ? (ms * ms) / (2 * rampMs) : ms - rampMs / 2
    const due = (fullMs * perSecond) / 1000
    while (calls.length < due) calls.push(ask(client))
  }, 1)
  return {
    stop: async () => {
      clearInterval(timer)
      return Promise.all(calls)
    },
  }
}

async function ask(client: Client): Promise<Call> {
  const askedAt = performance.now()
  let isSent = false
  let isAnswered = true
  try {
    await client.ask(() => {
      isSent = true
    })
  } catch {
    isAnswered = false
  }
  return { askedAt, endedAt: performance.now(), isSent, isAnswered }
}
