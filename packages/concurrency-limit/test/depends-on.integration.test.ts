import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { guard } from '@spillway/guard'
import { fixedLimit } from '@spillway/core'
import type { HangUpClient, RawRequest } from '@spillway/test-support'
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { connectOne, limitedApp, listen, until } from './serve.ts'

const permits = 3
const body = 'x'.repeat(100_000)
const upload: RawRequest = {
  method: 'POST',
  path: '/orders',
  headers: { 'content-type': 'text/plain' },
  body,
}
const note: RawRequest = { ...upload, path: '/notes' }

/** A downstream that takes every question, and answers none before it is told to. */
class Downstream {
  readonly #server = createServer((_question, answer) => {
    if (this.#answers) answer.end('stored')
    else this.#unanswered.push(answer)
  })
  readonly #unanswered: ServerResponse[] = []
  #answers = false

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    onTestFinished(() => {
      this.#server.close()
      this.#server.closeAllConnections()
    })
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get hanging(): number {
    return this.#unanswered.length
  }

  recover(): void {
    this.#answers = true
    for (const answer of this.#unanswered.splice(0)) answer.end('stored')
  }
}

interface Shop {
  readonly app: FastifyInstance
  readonly port: number
  readonly downstream: Downstream
  /** Paths of the requests whose body was asked for. */
  readonly bodies: string[]
}

/** `/orders` needs the downstream and says so; `/notes` and `/` do not. */
async function shop(): Promise<Shop> {
  const app = await limitedApp({ defaultDeadlineMs: 60_000 })
  const downstream = new Downstream()
  const url = await downstream.start()
  const bodies: string[] = []
  await app.register(guard)
  const orders = app.guards.define('orders-db', {
    limit: fixedLimit(permits),
    queue: { maxSize: 0 },
  })
  app.addHook('preParsing', async ({ url: path }) => {
    bodies.push(path)
  })
  app.post('/orders', { config: { concurrencyLimit: { dependsOn: ['orders-db'] } } }, (request) =>
    orders.run(async (signal) => (await fetch(url, { signal })).text(), {
      priority: request.priority,
      deadlineMs: request.deadline?.remainingMs,
      signal: request.cancelSignal,
    }),
  )
  app.post('/notes', async (request) => `${(request.body as string).length} characters`)
  app.get('/', async () => 'ok')
  return { app, port: await listen(app), downstream, bodies }
}

async function ask(port: number, request: RawRequest): Promise<HangUpClient> {
  const client = await connectOne(port)
  await client.send(request)
  return client
}

/** Fills the guard with calls that hang on the downstream's socket. */
async function saturate({ port, downstream }: Shop): Promise<readonly HangUpClient[]> {
  const clients = await Promise.all(Array.from({ length: permits }, async () => ask(port, upload)))
  await until('the guard is saturated', () => downstream.hanging === permits)
  return clients
}

test('a route whose guard is saturated is refused before its body has been sent', async () => {
  const place = await shop()
  await saturate(place)
  expect(place.app.guards.get('orders-db')!.stats()).toMatchObject({ running: permits })
  place.bodies.length = 0
  const client = await connectOne(place.port)
  await client.send(upload, body.length - 10)
  const refusal = await client.response()
  expect(refusal.statusCode).toBe(503)
  expect(refusal.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect(JSON.parse(refusal.body)).toMatchObject({ code: 'SPW_ERR_LIMIT_EXCEEDED' })
  expect(place.bodies).toEqual([])
  expect(place.app.limiters.stats()[0]).toMatchObject({ refusedByGuard: 1, inFlight: permits })
  expect(place.downstream.hanging).toBe(permits)
})

test('routes that do not depend on it are served meanwhile, uploads too', async () => {
  const place = await shop()
  await saturate(place)
  const reader = await ask(place.port, {})
  expect(await reader.response()).toMatchObject({ statusCode: 200, body: 'ok' })
  const writer = await ask(place.port, note)
  expect(await writer.response()).toMatchObject({ statusCode: 200, body: '100000 characters' })
  expect(place.app.limiters.stats()[0]!.refusedByGuard).toBe(0)
})

test('it is served again as soon as the downstream answers', async () => {
  const place = await shop()
  const waiting = await saturate(place)
  const refused = await ask(place.port, upload)
  expect((await refused.response()).statusCode).toBe(503)
  place.downstream.recover()
  const stored = { statusCode: 200, body: 'stored' }
  for (const client of waiting) expect(await client.response()).toMatchObject(stored)
  const later = await ask(place.port, upload)
  expect(await later.response()).toMatchObject(stored)
  expect(place.app.guards.get('orders-db')!.stats()).toMatchObject({
    running: 0,
    released: { success: permits + 1 },
  })
})

test('a door that observes counts it and lets the request in; one that is off does not ask', async () => {
  const place = await shop()
  await saturate(place)
  const { limiters } = place.app
  for (const [mode, wouldHaveRefusedByGuard] of [
    ['observe', 1],
    ['off', 1],
  ] as const) {
    limiters.setMode(mode)
    const client = await ask(place.port, upload)
    expect((await client.response()).statusCode).toBe(503)
    expect(limiters.stats()[0]).toMatchObject({ refusedByGuard: 0, wouldHaveRefusedByGuard })
  }
  // It was the guard itself that refused them, in the handler.
  expect(place.bodies.filter((path) => path === '/orders')).toHaveLength(permits + 2)
})
