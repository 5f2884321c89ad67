import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fixedLimit } from '@spillway/core'
import { MovableLimit } from '@spillway/test-support'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { DoorStats } from '../src/index.ts'
import { connectMany, connectOne, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

vi.setConfig({ testTimeout: 60_000 })

const one = { limit: fixedLimit(1), queue: { maxSize: 0 } }
/** More than the buffers of both sockets take. */
const export10MB = Buffer.alloc(10_000_000, 'x')
let folder: string
let path: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slow-readers-'))
  path = join(folder, 'export')
  await writeFile(path, export10MB)
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

function* pieces(): Generator<Buffer> {
  for (let sent = 0; sent < export10MB.length; sent += 65_536) {
    yield export10MB.subarray(sent, sent + 65_536)
  }
}

interface Answer {
  readonly kind: string
  /** How many such answers one process can have under way in a test. */
  readonly most: 100 | 1000
  send(reply: FastifyReply): unknown
}

const answers: readonly Answer[] = [
  { kind: 'one piece', most: 1000, send: (reply) => reply.send(export10MB) },
  { kind: 'a stream', most: 1000, send: (reply) => reply.send(Readable.from(pieces())) },
  { kind: 'a file', most: 100, send: (reply) => reply.send(createReadStream(path)) },
  {
    kind: 'a web stream',
    most: 100,
    send: (reply) => reply.send(Readable.toWeb(Readable.from(pieces()))),
  },
  {
    kind: 'a hijacked reply',
    most: 1000,
    send: (reply) => {
      reply.hijack()
      reply.raw.end(export10MB)
    },
  },
  {
    kind: 'a hijacked reply in pieces',
    most: 100,
    send: (reply) => {
      reply.hijack()
      reply.raw.flushHeaders()
      createReadStream(path).pipe(reply.raw)
    },
  },
]

const crowds = answers.flatMap((answer) =>
  [12, 100, 1000].filter((count) => count <= answer.most).map((count) => ({ ...answer, count })),
)

describe('answers of 10 MB that their clients do not read', () => {
  test.each(crowds)('take no place from anybody: $count times $kind', async ({ count, send }) => {
    const limit = new MovableLimit(count)
    const app = await limitedApp({ limit: limit.factory, queue: { maxSize: 0 } })
    app.get('/export', (_request, reply) => {
      void send(reply)
    })
    app.get('/orders', async () => 'orders')
    const port = await listen(app)
    const honest = await connectOne(port)
    const slow = await connectMany(port, count)
    for (const client of slow) client.socket.pause()
    await Promise.all(slow.map(async (client) => client.send({ path: '/export' })))
    await until('all are being answered', () => stats(app).released.success === count)
    limit.current = 1
    for (let call = 0; call < 30; call += 1) {
      await honest.send({ path: '/orders' })
      expect(await honest.response()).toMatchObject({ statusCode: 200, body: 'orders' })
    }
    await untilIdle(app)
    for (const client of slow) client.hangUp()
    await untilIdle(app)
    expect(stats(app).released).toEqual({ success: count + 30, dropped: 0, ignored: 0 })
  })
})

describe('a permit is held until the answer begins to leave', () => {
  test('also where the first row of a stream is long in coming', async () => {
    const app = await limitedApp(one)
    const rows = new Readable({ read: () => {} })
    app.get('/', async (_request, reply) => reply.send(rows))
    const port = await listen(app)
    const [first, second] = [await connectOne(port), await connectOne(port)]
    await first.send()
    await until('it runs', () => stats(app).inFlight === 1)
    await second.send()
    expect((await second.response()).statusCode).toBe(503)
    rows.push('row')
    await first.seen('row')
    expect(stats(app)).toMatchObject({ inFlight: 0, released: { success: 1 } })
  })

  test('also where hooks make something else of it', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    app.addHook('onSend', async (_request, _reply, payload) => {
      await gate.pass()
      return Readable.from([`<${String(payload)}>`])
    })
    app.get('/', async () => 'orders')
    const client = await connectOne(await listen(app))
    await client.send()
    await until('the hook runs', () => gate.entered === 1)
    expect(stats(app).inFlight).toBe(1)
    gate.open()
    await client.seen('<orders>')
    await untilIdle(app)
    expect(stats(app).released.success).toBe(1)
  })

  test.each([
    { what: 'HEAD', method: 'HEAD', url: '/orders', status: 200 },
    { what: 'not modified', method: 'GET', url: '/unchanged', status: 304 },
    { what: 'no content', method: 'GET', url: '/nothing', status: 204 },
    { what: 'a redirection', method: 'GET', url: '/moved', status: 302 },
    { what: 'not found by the handler', method: 'GET', url: '/missing', status: 404 },
    { what: 'by an error handler', method: 'GET', url: '/broken', status: 422 },
    { what: 'late, by a callback', method: 'GET', url: '/callback', status: 200 },
  ] as const)('however that is: $what', async ({ method, url, status }) => {
    const app = await limitedApp(one)
    app.setErrorHandler(async (_error, _request, reply) => reply.code(422).send('sorry'))
    app.get('/orders', async () => 'orders')
    app.get('/unchanged', async (_request, reply) => reply.code(304).send())
    app.get('/nothing', async (_request, reply) => reply.code(204).send())
    app.get('/moved', async (_request, reply) => reply.redirect('/orders'))
    app.get('/missing', (_request, reply) => {
      reply.callNotFound()
    })
    app.get('/broken', async () => {
      throw new Error('broken')
    })
    app.get('/callback', (_request, reply) => {
      setTimeout(() => void reply.send('orders'), 5)
    })
    const client = await connectOne(await listen(app))
    for (let call = 1; call <= 3; call += 1) {
      await client.send({ method, path: url })
      const { statusCode } = await client.response({ withoutBody: method === 'HEAD' })
      expect(statusCode).toBe(status)
      await untilIdle(app)
      expect(stats(app)).toMatchObject({ abandoned: 0, released: { success: call } })
    }
  })

  test('whoever else watches the head of it, before us or after', async () => {
    const app = await limitedApp(one)
    const seen: string[] = []
    app.addHook('preHandler', async (_request, { raw }) => {
      const writeHead = raw.writeHead.bind(raw) as (...args: unknown[]) => typeof raw
      raw.writeHead = (...args: unknown[]) => {
        seen.push('ours')
        return writeHead(...args)
      }
    })
    app.server.prependListener('request', (_incoming, raw) => {
      const writeHead = raw.writeHead.bind(raw) as (...args: unknown[]) => typeof raw
      raw.writeHead = (...args: unknown[]) => {
        seen.push('theirs')
        return writeHead(...args)
      }
    })
    app.get('/', async (_request, reply) => reply.header('x-order', '1').send('orders'))
    const client = await connectOne(await listen(app))
    await client.send()
    const { headers, body } = await client.response()
    expect([headers.get('x-order'), body]).toEqual(['1', 'orders'])
    await untilIdle(app)
    expect(seen).toEqual(['ours', 'theirs'])
    expect(stats(app).released.success).toBe(1)
  })

  test('then the next one runs, and the answer is out before its handler begins', async () => {
    const app = await limitedApp({ limit: fixedLimit(1) })
    const gate = new Gate()
    const order: string[] = []
    app.get('/first', async (_request, { raw }) => {
      raw.on('prefinish', () => order.push('first answered'))
      await gate.pass()
      return 'first'
    })
    app.get('/second', async () => {
      order.push('second runs')
      return 'second'
    })
    const [first, second] = await connectMany(await listen(app), 2)
    await first!.send({ path: '/first' })
    await until('the first runs', () => gate.entered === 1)
    await second!.send({ path: '/second' })
    await until('the second waits', () => stats(app).queued === 1)
    gate.open()
    await Promise.all([first!.response(), second!.response()])
    expect(order).toEqual(['first answered', 'second runs'])
  })

  test('a handler that goes on after its answer was cut off is abandoned, and not late', async () => {
    const app = await limitedApp({ ...one, defaultDeadlineMs: 500 })
    const gate = new Gate()
    let isLate = (): boolean => false
    app.get('/', async ({ deadline }, reply) => {
      isLate = () => deadline!.remainingMs < 0
      const stream = new Readable({ read: () => {} })
      stream.push('row')
      void reply.send(stream)
      await gate.pass()
      return reply
    })
    const client = await connectOne(await listen(app))
    await client.send()
    await client.seen('row')
    expect(stats(app)).toMatchObject({ inFlight: 0, abandoned: 0 })
    client.hangUp()
    await until('it is abandoned', () => stats(app).abandoned === 1)
    await until('its deadline has passed', () => isLate())
    gate.open()
    await until('it has ended', () => stats(app).abandoned === 0)
    expect(stats(app)).toMatchObject({ late: 0, released: { success: 1, ignored: 0 } })
  })
})
