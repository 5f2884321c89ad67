import type { Priority } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test, vi } from 'vitest'
import type { ConcurrencyLimitOptions } from '../src/index.ts'
import { limitedApp } from './serve.ts'

vi.setConfig({ testTimeout: 60_000 })

const deadlineMs = 1000
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A database with eight connections of its own, as slow as it is made. */
class Database {
  queryMs = 20
  readonly #clock: ManualClock
  readonly #line: (() => void)[] = []
  #busy = 0

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  async query(signal: AbortSignal): Promise<void> {
    if (this.#busy >= 8) await this.#wait(signal)
    signal.throwIfAborted()
    this.#busy += 1
    try {
      await sleep(this.#clock, this.queryMs, signal)
    } finally {
      this.#busy -= 1
      this.#line.shift()?.()
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#line.push(resolve)
      signal.addEventListener('abort', () => {
        const place = this.#line.indexOf(resolve)
        if (place !== -1) this.#line.splice(place, 1)
        reject(signal.reason as Error)
      })
    })
  }
}

function sleep(clock: ManualClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = ms === Infinity ? undefined : clock.setTimer(resolve, ms)
    signal?.addEventListener('abort', () => {
      clock.clearTimer(timer)
      reject(signal.reason as Error)
    })
  })
}

interface Story {
  readonly name: string
  /** How long a query takes then. */
  readonly queryMs: number
  readonly ordersPriority?: Priority
  /** What an innocent request takes, of something that is well. */
  readonly innocentMs: number
  /** @default 0.98 */
  readonly least?: number
  readonly options?: ConcurrencyLimitOptions
}

/** 300 requests a second need the database, which can do 400 and then far less; 50 need it not. */
async function innocentsServed({
  queryMs,
  ordersPriority = 'default',
  innocentMs,
  options,
}: Story): Promise<number> {
  const clock = new ManualClock()
  const database = new Database(clock)
  const app = await limitedApp({ ...options, clock })
  const config = { concurrencyLimit: { priority: ordersPriority, maxWaitMs: deadlineMs } }
  app.get('/orders', { config }, async () => {
    // The deadline of the handler, on the clock of this test.
    const controller = new AbortController()
    const timer = clock.setTimer(() => controller.abort(new Error('too late')), deadlineMs)
    await database.query(controller.signal).finally(() => clock.clearTimer(timer))
    return 'orders'
  })
  app.get('/ping', async () => {
    if (innocentMs > 0) await sleep(clock, innocentMs)
    return 'pong'
  })
  await app.ready()
  let asked = 0
  let served = 0
  const ping = async (counts: boolean): Promise<void> => {
    const expiresAt = clock.now() + deadlineMs
    if (counts) asked += 1
    const { statusCode } = await app.inject('/ping')
    if (counts && statusCode === 200 && clock.now() <= expiresAt) served += 1
  }
  const order = async (): Promise<void> => void (await app.inject('/orders'))
  for (let ms = 0; ms < 15_000; ms += 1) {
    if (ms === 5000) database.queryMs = queryMs
    // Three in ten milliseconds, and one in twenty, at moments that have nothing to do with each other.
    if ([0, 3, 7].includes(ms % 10)) void order()
    if ((ms * 7) % 20 === 4) void ping(ms > 6000 && ms < 14_000)
    for (let round = 0; round < 3; round += 1) await turn()
    clock.advance(1)
  }
  for (let round = 0; round < 20; round += 1) await turn()
  clock.advance(2 * deadlineMs)
  for (let round = 0; round < 20; round += 1) await turn()
  return served / asked
}

const stories: readonly Story[] = [
  { name: 'a cheap route beside a slow one', queryMs: 200, innocentMs: 0 },
  { name: 'a route that takes as long as the slow one did', queryMs: 200, innocentMs: 20 },
  {
    name: 'a cheap route beside a slow one that is more important',
    queryMs: 200,
    innocentMs: 0,
    ordersPriority: 'critical',
  },
  {
    name: 'a route of a few milliseconds beside a slow one that is more important',
    queryMs: 200,
    innocentMs: 3,
    ordersPriority: 'critical',
  },
  // Less: until the first calls have run out of time, nobody can know that what holds the limit hangs.
  { name: 'a cheap route beside one that hangs', queryMs: Infinity, innocentMs: 0, least: 0.94 },
  {
    name: 'a cheap route whose requests are all of one tenant',
    queryMs: 200,
    innocentMs: 0,
    options: { partition: () => 'the tenant' },
  },
]

describe('with the door alone, whoever needs nothing of what is slow is served', () => {
  test.each(stories)('$name', async (story) => {
    expect(await innocentsServed(story)).toBeGreaterThanOrEqual(story.least ?? 0.98)
  })
})
