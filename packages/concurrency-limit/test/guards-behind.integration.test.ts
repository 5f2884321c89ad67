import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import { guard } from '@spillway/guard'
import type { DownstreamOptions, Guard } from '@spillway/guard'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { ConcurrencyLimitOptions, DoorStats } from '../src/index.ts'
import { connectMany, connectOne, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

interface SetUp {
  readonly app: FastifyInstance
  readonly db: Guard
  readonly gate: Gate
  readonly port: number
}

/** `/orders` needs the database, which answers when the gate opens; `/ping` needs nothing. */
async function setUp(
  door: ConcurrencyLimitOptions,
  database: DownstreamOptions,
  route: { readonly handlerTimeout?: number } = {},
): Promise<SetUp> {
  const app = await limitedApp(door)
  await app.register(guard)
  const db = app.guards.define('db', database)
  const gate = new Gate()
  app.route({
    method: ['GET', 'POST'],
    url: '/orders',
    ...route,
    handler: async (request) => {
      await db.run(async () => gate.pass(), request.callOptions)
      return 'orders'
    },
  })
  app.get('/ping', async () => 'pong')
  return { app, db, gate, port: await listen(app) }
}

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

const one = { limit: fixedLimit(1), queue: { maxSize: 0 } }
const post = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'beer' }

describe('requests that are at a guard take no place at the door', () => {
  test.each(['GET', 'POST'])('whether they run or wait there: %s', async (method) => {
    const { app, db, gate, port } = await setUp(one, { limit: fixedLimit(10) })
    const request = { ...(method === 'POST' ? post : {}), path: '/orders' }
    const clients = await connectMany(port, 40)
    for (const client of clients) {
      await client.send(request)
      await until(
        'it is there',
        () => db.stats().running + db.stats().queued > clients.indexOf(client),
      )
    }
    expect(db.stats()).toMatchObject({ running: 10, queued: 30 })
    expect(stats(app)).toMatchObject({ inFlight: 0, queued: 0, refused: { default: { limit: 0 } } })
    const honest = await connectOne(port)
    await honest.send({ path: '/ping' })
    expect((await honest.response()).statusCode).toBe(200)
    gate.open()
    const answers = await Promise.all(clients.map(async (client) => client.response()))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(clients.map(() => 200))
    await untilIdle(app)
    expect(stats(app).released).toEqual({ success: 41, dropped: 0, ignored: 0 })
  })

  test('nor those whose clients have left meanwhile', async () => {
    const { app, db, gate, port } = await setUp(one, { limit: fixedLimit(100) })
    const clients = await connectMany(port, 20)
    for (const client of clients) {
      await client.send({ path: '/orders' })
      await until('it runs', () => db.stats().running > clients.indexOf(client))
    }
    for (const [index, client] of clients.entries()) client.hangUp(index % 2 ? 'reset' : 'close')
    await until('the door has seen it', () => stats(app).released.ignored === 20)
    gate.open()
    await until('the database is idle', () => db.stats().running === 0)
    await until('no handler goes on', () => stats(app).abandoned === 0)
    expect(stats(app)).toMatchObject({ inFlight: 0, queued: 0 })
  })
})

describe('what happens at a guard is no evidence at the door', () => {
  test('a refusal, a deadline, a timeout of its own, a circuit that is open', async () => {
    const door = { defaultDeadlineMs: 200, limit: fixedLimit(100) }
    const { app, db, port } = await setUp(door, { limit: fixedLimit(2), queue: { maxSize: 2 } })
    const clients = await connectMany(port, 10)
    await Promise.all(clients.map(async (client) => client.send({ path: '/orders' })))
    const answers = await Promise.all(clients.map(async (client) => client.response()))
    const codes = answers.map(({ body }) => (JSON.parse(body) as { code: string }).code)
    expect(new Set(codes)).toEqual(
      new Set(['SPW_ERR_CALL_TIMEOUT', 'SPW_ERR_LIMIT_EXCEEDED', 'SPW_ERR_QUEUE_TIMEOUT']),
    )
    db.breaker!.open()
    const last = await connectOne(port)
    await last.send({ path: '/orders' })
    expect(await last.response()).toMatchObject({ statusCode: 503 })
    await untilIdle(app)
    expect(stats(app).released).toEqual({ success: 0, dropped: 0, ignored: 11 })
  })

  test('nor is a handlerTimeout that passes there', async () => {
    const { app, port } = await setUp({ limit: fixedLimit(9) }, {}, { handlerTimeout: 50 })
    const client = await connectOne(port)
    await client.send({ path: '/orders' })
    expect(await client.response()).toMatchObject({ statusCode: 503 })
    await until('the door has seen it', () => stats(app).released.ignored === 1)
    expect(stats(app).released.dropped).toBe(0)
  })

  test('while what takes too long before it is the door’s own', async () => {
    const app = await limitedApp({ limit: fixedLimit(9), defaultDeadlineMs: 100 })
    await app.register(guard)
    const db = app.guards.define('db')
    app.get('/', async (request) => {
      await sleep(150)
      return db.run(async () => 'rows', request.callOptions)
    })
    const client = await connectOne(await listen(app))
    await client.send()
    expect((await client.response()).statusCode).toBe(503)
    await untilIdle(app)
    expect(stats(app).released.dropped).toBe(1)
  })

  test('a success tells how long the handler worked, without the guard', async () => {
    const { app, db, gate, port } = await setUp({ limit: fixedLimit(9) }, {})
    const client = await connectOne(port)
    await client.send({ path: '/orders' })
    await until('it runs', () => db.stats().running === 1)
    await sleep(300)
    gate.open()
    await client.response()
    await untilIdle(app)
    expect(stats(app).meanDurationMs).toBeLessThan(250)
    expect(db.stats().meanDurationMs).toBeGreaterThan(290)
  })
})

test('a hundred requests that come at once are served, however short the ones before were', async () => {
  const { app, gate, port } = await setUp({}, { limit: fixedLimit(200) })
  gate.open()
  const clients = await connectMany(port, 100)
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(clients.map(async (client) => client.send({ path: '/orders' })))
    const answers = await Promise.all(clients.map(async (client) => client.response()))
    expect(answers.filter(({ statusCode }) => statusCode !== 200)).toEqual([])
  }
  await untilIdle(app)
})

test('call options tell the kind of a request and carry its permit, wherever they are read', async () => {
  const app = await limitedApp({ includeNotFound: true })
  const seen: Record<string, unknown>[] = []
  app.addHook('preParsing', async ({ callOptions }) => {
    seen.push({ ...callOptions })
  })
  app.post('/orders/:id', async ({ callOptions }) => {
    seen.push({ ...callOptions })
    return 'ok'
  })
  app.get('/health', { config: { concurrencyLimit: false } }, async ({ callOptions }) => {
    seen.push({ ...callOptions })
    return 'ok'
  })
  app.setNotFoundHandler(async ({ callOptions }) => {
    seen.push({ ...callOptions })
    return 'nothing'
  })
  await app.inject({ method: 'POST', url: '/orders/7?x=1', payload: { a: 1 } })
  await app.inject('/health')
  await app.inject('/nowhere')
  expect(
    seen.map(({ workload, permit }) => [String(workload), permit === undefined ? 'none' : 'one']),
  ).toEqual([
    ['POST /orders/:id', 'none'],
    ['POST /orders/:id', 'one'],
    ['GET /health', 'none'],
    ['GET /health', 'none'],
    [expect.any(String), 'one'],
    [expect.any(String), 'one'],
  ])
})
