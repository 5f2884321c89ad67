import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { HangUpClient } from '@spillway/test-support'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { onTestFinished } from 'vitest'
import type { ConcurrencyLimitOptions } from '../src/index.ts'
import { concurrencyLimit } from '../src/index.ts'

/** An application with the plugin, closed at the end of the test. */
export async function limitedApp(
  options: ConcurrencyLimitOptions = {},
  server: FastifyServerOptions = {},
): Promise<FastifyInstance> {
  const app = Fastify({ forceCloseConnections: true, ...server })
  onTestFinished(async () => {
    await app.close()
  })
  await app.register(concurrencyLimit, options)
  return app
}

/** Opens the doors on a free port of the loopback interface. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

/** Clients that are connected, and gone at the end of the test. */
export async function connectMany(port: number, count: number): Promise<HangUpClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => HangUpClient.connect(port)))
  onTestFinished(() => {
    for (const client of clients) client.hangUp()
  })
  return clients
}

export async function connectOne(port: number): Promise<HangUpClient> {
  const [client] = await connectMany(port, 1)
  return client!
}

/** Waits for something that must come about, and says what did not. */
export async function until(what: string, isTrue: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  while (!isTrue()) {
    if (performance.now() > giveUpAt) throw new Error(`Waited in vain until ${what}`)
    await sleep(5)
  }
}

/** Waits until no limiter of the application has anybody in flight or waiting. */
export async function untilIdle(app: FastifyInstance): Promise<void> {
  await until('the limiters are idle', () =>
    app.limiters.stats().every(({ inFlight, queued }) => inFlight === 0 && queued === 0),
  )
}

/** Something that handlers wait for until the test opens it. */
export class Gate {
  entered = 0
  open!: () => void
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve
  })

  async pass(): Promise<void> {
    this.entered += 1
    await this.#opened
  }
}
