import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresServer } from '@spillway/test-support/postgres'
import pg from 'pg'
import type { Sample } from './recording.ts'

/** Far shorter than a query takes, so that no crowd is overlooked. */
const everyMs = 5

/** A connection that is being opened is work, too: a process, and a login. */
const sql = `select count(*) filter (where state in ('active', 'starting'))::int as active,
    count(*)::int as connections
  from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`

/** Longest wait for the connections of the one before to be gone. */
const patienceMs = 20_000

export interface Observer {
  stop(): Promise<readonly Sample[]>
}

/** Asks the database itself, past the proxy, how many are there. */
export async function startObserver({
  host,
  port,
  user,
  database,
}: PostgresServer): Promise<Observer> {
  const client = new pg.Client({ host, port, user, database })
  await client.connect()
  await untilAlone(client)
  const stopped = new AbortController()
  const samples: Sample[] = []
  const observing = observe(client, samples, stopped.signal)
  return {
    stop: async () => {
      stopped.abort()
      await observing
      return samples
    },
  }
}

/** Nobody starts with what another has left behind. */
async function untilAlone(client: pg.Client): Promise<void> {
  const givenUpAt = performance.now() + patienceMs
  while ((await sample(client)).connections > 0) {
    if (performance.now() > givenUpAt) throw new Error('The database still has connections.')
    await sleep(everyMs)
  }
}

async function sample(client: pg.Client): Promise<Sample> {
  const { rows } = await client.query<Omit<Sample, 'at'>>(sql)
  return { at: performance.now(), ...rows[0]! }
}

async function observe(client: pg.Client, samples: Sample[], stopped: AbortSignal): Promise<void> {
  try {
    while (!stopped.aborted) {
      samples.push(await sample(client))
      await sleep(everyMs)
    }
  } finally {
    await client.end()
  }
}
