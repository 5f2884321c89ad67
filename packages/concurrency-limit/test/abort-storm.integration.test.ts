import { Readable } from 'node:stream'
import type { HangUpClient } from '@spillway/test-support'
import { fixedLimit } from '@spillway/core'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { DoorStats } from '../src/index.ts'
import { connectMany, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

const storm = 200
const body = 'x'.repeat(2000)
const headers = { 'content-type': 'text/plain' }

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

/** Every permit that was given out has come back, and come back once. */
function expectBalanced({ admitted, released }: DoorStats): void {
  expect(sum(released)).toBe(sum(admitted))
}

function hangUpAll(clients: readonly HangUpClient[]): void {
  for (const [index, client] of clients.entries()) client.hangUp(index % 2 ? 'reset' : 'close')
}

interface Stage {
  readonly app: FastifyInstance
  readonly gate: Gate
  readonly signals: AbortSignal[]
  readonly port: number
}

/** `/work` waits at the gate; its signals are kept for inspection. */
async function stage(limit = 1000): Promise<Stage> {
  const app = await limitedApp({ limit: fixedLimit(limit), queue: { maxWaitMs: 60_000 } })
  const gate = new Gate()
  const signals: AbortSignal[] = []
  app.route({
    method: ['GET', 'POST'],
    url: '/work',
    handler: async (request) => {
      signals.push(request.cancelSignal)
      await gate.pass()
      return { ok: true }
    },
  })
  return { app, gate, signals, port: await listen(app) }
}

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

describe.each([
  { method: 'GET', connection: 'keep-alive' },
  { method: 'GET', connection: 'close' },
  { method: 'POST', connection: 'keep-alive' },
  { method: 'POST', connection: 'close' },
])('$method with connection: $connection', ({ method, connection }) => {
  const request = {
    method,
    path: '/work',
    headers: { ...headers, connection },
    ...(method === 'POST' ? { body } : {}),
  }

  test('200 clients hang up as soon as they have asked', async () => {
    const { app, gate, port } = await stage()
    const clients = await connectMany(port, storm)
    await Promise.all(clients.map(async (client) => client.send(request)))
    hangUpAll(clients)
    gate.open()
    await untilIdle(app)
    expectBalanced(stats(app))
  })

  test('200 clients hang up while their handlers run: permits back, every signal aborted', async () => {
    const { app, gate, signals, port } = await stage()
    const clients = await connectMany(port, storm)
    await Promise.all(clients.map(async (client) => client.send(request)))
    await until('all handlers run', () => gate.entered === storm)
    expect(stats(app).inFlight).toBe(storm)
    expect(signals.filter(({ aborted }) => aborted)).toEqual([])
    hangUpAll(clients)
    await untilIdle(app)
    expect(stats(app)).toMatchObject({ abandoned: storm, released: { ignored: storm } })
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    expect(signals[0]!.reason).toMatchObject({ code: 'SPW_ERR_CANCELLED' })
    gate.open()
    await until('no handler is left', () => stats(app).abandoned === 0)
    expectBalanced(stats(app))
  })

  test('200 clients hang up after their answer: no signal aborts', async () => {
    const { app, gate, signals, port } = await stage()
    const clients = await connectMany(port, storm)
    gate.open()
    const answers = await Promise.all(
      clients.map(async (client) => {
        await client.send(request)
        return client.response()
      }),
    )
    hangUpAll(clients)
    await untilIdle(app)
    expect(answers.every(({ statusCode }) => statusCode === 200)).toBe(true)
    expect(stats(app)).toMatchObject({ abandoned: 0, released: { success: storm, ignored: 0 } })
    expect(signals.some(({ aborted }) => aborted)).toBe(false)
  })

  test('200 clients hang up while they wait in the queue: none of them ever runs', async () => {
    const { app, gate, port } = await stage(1)
    const [first, ...others] = await connectMany(port, storm)
    await first!.send(request)
    await until('the first runs', () => gate.entered === 1)
    await Promise.all(others.map(async (client) => client.send(request)))
    await until('the others wait', () => stats(app).queued === storm - 1)
    hangUpAll(others)
    await until('nobody waits', () => stats(app).queued === 0)
    gate.open()
    expect(await first!.response()).toMatchObject({ statusCode: 200 })
    await untilIdle(app)
    expect(gate.entered).toBe(1)
    expect(stats(app).refused.default.cancelled).toBe(storm - 1)
    expectBalanced(stats(app))
  })
})

test('200 clients hang up while they upload', async () => {
  const { app, gate, port } = await stage()
  const clients = await connectMany(port, storm)
  const request = { method: 'POST', path: '/work', headers, body }
  let left = 0
  app.server.prependListener('request', (incoming) => {
    incoming.on('close', () => void (left += 1))
  })
  await Promise.all(clients.map(async (client) => client.send(request, 1000)))
  hangUpAll(clients)
  await until('all have left', () => left === storm)
  expect(gate.entered).toBe(0)
  expect(stats(app)).toMatchObject({ abandoned: 0, inFlight: 0, admitted: { default: 0 } })
})

test('200 clients hang up while an answer is streamed to them', async () => {
  const app = await limitedApp({ limit: fixedLimit(1000) })
  const streams: Readable[] = []
  app.get('/stream', async (_request, reply) => {
    const stream = new Readable({ read: () => {} })
    stream.push('tick')
    streams.push(stream)
    return reply.send(stream)
  })
  const clients = await connectMany(await listen(app), storm)
  await Promise.all(clients.map(async (client) => client.send({ path: '/stream' })))
  await Promise.all(clients.map(async (client) => client.seen('tick')))
  expect(stats(app)).toMatchObject({ inFlight: 0, released: { success: storm } })
  hangUpAll(clients)
  await until('all streams are destroyed', () => streams.every(({ destroyed }) => destroyed))
  expect(stats(app)).toMatchObject({ abandoned: 0, released: { success: storm, ignored: 0 } })
})

test('clients that send several requests ahead and hang up leave nothing behind', async () => {
  const { app, gate, port } = await stage()
  const clients = await connectMany(port, 20)
  const ahead = Array.from({ length: 5 }, (_, index) => ({
    method: index % 2 ? 'POST' : 'GET',
    path: '/work',
    headers,
    ...(index % 2 ? { body } : {}),
  }))
  for (const request of ahead) {
    await Promise.all(clients.map(async (client) => client.send(request)))
  }
  await until('all handlers run', () => gate.entered === 100)
  hangUpAll(clients)
  await untilIdle(app)
  gate.open()
  await until('no handler is left', () => stats(app).abandoned === 0)
  expectBalanced(stats(app))
})
