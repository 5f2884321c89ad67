import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import multipart from '@fastify/multipart'
import { fixedLimit } from '@spillway/core'
import type { HangUpClient, RawRequest } from '@spillway/test-support'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test, vi } from 'vitest'
import type { DoorStats } from '../src/index.ts'
import { connectMany, connectOne, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

vi.setConfig({ testTimeout: 60_000 })

const one = { limit: fixedLimit(1), queue: { maxSize: 0 } }

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

const boundary = 'the-boundary'
const part = `--${boundary}\r\ncontent-disposition: form-data; name="photo"; filename="a.txt"\r\n\r\n`
const file = 'x'.repeat(500)

interface Upload {
  readonly kind: string
  readonly request: RawRequest
}

const uploads: readonly Upload[] = [
  {
    kind: 'read before the handler',
    request: { path: '/text', headers: { 'content-type': 'text/plain' }, body: file },
  },
  {
    kind: 'read by the handler',
    request: { path: '/raw', headers: { 'content-type': 'application/x-raw' }, body: file },
  },
  {
    kind: 'a form that the handler reads part by part',
    request: {
      path: '/form',
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      body: `${part}${file}\r\n--${boundary}--\r\n`,
    },
  },
]

/** Stores what is uploaded in each of the ways, and answers with how much it was. */
async function storage(options = {}): Promise<FastifyInstance> {
  const app = await limitedApp(options)
  await app.register(multipart)
  app.addContentTypeParser('application/x-raw', (_request, payload, done) => {
    done(null, payload)
  })
  app.post('/text', async ({ body }) => String((body as string).length))
  app.post('/raw', async ({ body }) => {
    let length = 0
    for await (const chunk of body as AsyncIterable<Buffer>) length += chunk.length
    return String(length)
  })
  app.post('/form', async (request) => {
    const upload = await request.file()
    return String((await upload!.toBuffer()).length)
  })
  app.get('/orders', async () => 'orders')
  app.post('/orders', async () => 'placed')
  return app
}

/** Each gets its answer, one after the other. */
async function expectServed(client: HangUpClient, count: number): Promise<void> {
  for (let call = 0; call < count; call += 1) {
    await client.send({ path: '/orders' })
    expect(await client.response()).toMatchObject({ statusCode: 200, body: 'orders' })
    await client.send({
      method: 'POST',
      path: '/orders',
      headers: { 'content-type': 'text/plain' },
      body: 'beer',
    })
    expect(await client.response()).toMatchObject({ statusCode: 200, body: 'placed' })
  }
}

describe.each(uploads)('an upload that is $kind, at the pace of its client', ({ request }) => {
  const post = { method: 'POST', ...request }

  test.each([12, 100, 1000])('takes no place from anybody: %d of them', async (count) => {
    const app = await storage(one)
    const port = await listen(app)
    const honest = await connectOne(port)
    const slow = await connectMany(port, count)
    await Promise.all(slow.map(async (client) => client.send(post, 200)))
    await expectServed(honest, 20)
    for (const client of slow) client.socket.write('x'.repeat(100))
    await expectServed(honest, 20)
    expect(stats(app)).toMatchObject({ inFlight: 0, queued: 0, limit: 1 })
    for (const client of slow) client.hangUp()
    await expectServed(honest, 20)
    await untilIdle(app)
    expect(stats(app).refused.default.limit).toBe(0)
  })

  test('moves no limit: what is learnt is how long the work takes', async () => {
    const app = await storage()
    const port = await listen(app)
    const slow = await connectMany(port, 6)
    await Promise.all(slow.map(async (client) => client.send(post, 200)))
    await sleep(300)
    const rest = post.body!.slice(-200)
    for (const client of slow) client.socket.write(rest)
    const answers = await Promise.all(slow.map(async (client) => client.response()))
    expect(answers.map(({ body }) => body)).toEqual(slow.map(() => '500'))
    await untilIdle(app)
    const { limit, meanDurationMs, released } = stats(app)
    expect(limit).toBe(10)
    expect(released).toEqual({ success: 6, dropped: 0, ignored: 0 })
    expect(meanDurationMs).toBeLessThan(250)
  })

  test('leaves nothing behind when it is cut off', async () => {
    const app = await storage({ limit: fixedLimit(100) })
    const clients = await connectMany(await listen(app), 20)
    await Promise.all(clients.map(async (client) => client.send(post, 200)))
    await sleep(50)
    for (const [index, client] of clients.entries()) client.hangUp(index % 2 ? 'reset' : 'close')
    await until('all is given back', () => {
      const { admitted, released, inFlight, abandoned } = stats(app)
      const back = released.success + released.dropped + released.ignored
      return back === admitted.default && inFlight === 0 && abandoned === 0
    })
    expect(stats(app).released).toMatchObject({ success: 0, dropped: 0 })
  })

  test('is refused before it has come, while nobody else is let in', async () => {
    const app = await storage(one)
    const gate = new Gate()
    app.get('/hold', async () => gate.pass())
    const port = await listen(app)
    const [first, second] = [await connectOne(port), await connectOne(port)]
    await first.send({ path: '/hold' })
    await until('the only place is taken', () => gate.entered === 1)
    await second.send(post, 200)
    expect(await second.response()).toMatchObject({ statusCode: 503 })
    expect(stats(app)).toMatchObject({
      refused: { default: { limit: 1 } },
      admitted: { default: 1 },
    })
    gate.open()
    await first.response()
  })
})

describe('a request with a body', () => {
  test('asks for its place when the body is there, and may be refused or wait then', async () => {
    const app = await storage({ limit: fixedLimit(1) })
    const gate = new Gate()
    app.get('/hold', async () => gate.pass())
    const port = await listen(app)
    const [holder, upload] = [await connectOne(port), await connectOne(port)]
    const [{ request }] = uploads as [Upload]
    await upload.send({ method: 'POST', ...request }, 200)
    await holder.send({ path: '/hold' })
    await until('the only place is taken', () => gate.entered === 1)
    expect(app.limiters.default.queued).toBe(0)
    upload.socket.write(request.body!.slice(-200))
    await until('the upload waits', () => app.limiters.default.queued === 1)
    gate.open()
    expect(await upload.response()).toMatchObject({ statusCode: 200, body: '500' })
    await holder.response()
  })

  test.each([
    { what: 'that is too large', status: 413, body: 'x'.repeat(2000), type: 'text/plain' },
    { what: 'that is broken', status: 400, body: '{', type: 'application/json' },
    { what: 'of an unknown kind', status: 415, body: 'x', type: 'application/unknown' },
  ])('$what takes no permit and is no evidence', async ({ status, body, type }) => {
    const app = await limitedApp(one, { bodyLimit: 1000 })
    app.post('/', async () => 'ok')
    const post = { method: 'POST', headers: { 'content-type': type }, body }
    // The server ends a connection of which it has not read all.
    for (const client of await connectMany(await listen(app), 3)) {
      await client.send(post)
      expect((await client.response()).statusCode).toBe(status)
    }
    expect(stats(app)).toMatchObject({ inFlight: 0, admitted: { default: 0 } })
  })

  test.each([
    [
      'in chunks',
      'transfer-encoding: chunked\r\n',
      '3\r\nabc\r\n',
      '2\r\nde\r\n0\r\n\r\n',
      'abcde',
    ],
    ['of no length', 'content-length: 0\r\n', '', '', ''],
    ['of an announced length', 'content-length: 5\r\n', 'abc', 'de', 'abcde'],
  ])('%s: its place is taken once, when all is there', async (_, header, first, second, echo) => {
    const app = await limitedApp(one)
    app.post('/', async ({ body }) => String(body))
    const client = await connectOne(await listen(app))
    const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n${header}\r\n`
    client.socket.write(head + first)
    if (second !== '') {
      await sleep(30)
      expect(stats(app).admitted.default).toBe(0)
      client.socket.write(second)
    }
    expect((await client.response()).body).toBe(echo)
    await untilIdle(app)
    expect(stats(app)).toMatchObject({ admitted: { default: 1 }, released: { success: 1 } })
  })

  test('that waits to be told to go on is served', async () => {
    const app = await storage(one)
    const client = await connectOne(await listen(app))
    const head = 'POST /text HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n'
    client.socket.write(`${head}content-length: 4\r\nexpect: 100-continue\r\n\r\n`)
    await client.seen('HTTP/1.1 100 Continue\r\n\r\n')
    expect(stats(app).admitted.default).toBe(0)
    client.socket.write('beer')
    await client.seen('\r\n\r\n4')
    await untilIdle(app)
    expect(stats(app).released.success).toBe(1)
  })

  test('over HTTP/2 takes its place when the body is there', async () => {
    const app = await limitedApp(one, { http2: true } as never)
    app.post('/', async ({ body }) => `${String(body).length}`)
    app.get('/orders', async () => 'orders')
    const session = connectHttp2(`http://127.0.0.1:${await listen(app)}`)
    const slow = Array.from({ length: 12 }, () => {
      const headers = { ':path': '/', ':method': 'POST', 'content-type': 'text/plain' }
      const stream = session.request(headers, { endStream: false })
      stream.write('ab')
      return stream
    })
    for (let call = 0; call < 10; call += 1) {
      const stream = session.request({ ':path': '/orders' })
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
      expect(headers[':status']).toBe(200)
      stream.resume()
      await once(stream, 'close')
    }
    expect(stats(app)).toMatchObject({ inFlight: 0, admitted: { default: 10 } })
    for (const stream of slow) {
      stream.end('cd')
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
      expect(headers[':status']).toBe(200)
      stream.resume()
      await once(stream, 'close')
    }
    await untilIdle(app)
    expect(stats(app).released.success).toBe(22)
    session.close()
  })

  test('is one no GET is expected to have: its handler runs at once, with a permit', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const port = await listen(app)
    const [first, second] = [await connectOne(port), await connectOne(port)]
    await first.send({ body: 'x'.repeat(100) }, 50)
    await until('the handler runs', () => gate.entered === 1)
    expect(stats(app).inFlight).toBe(1)
    await second.send()
    expect((await second.response()).statusCode).toBe(503)
    gate.open()
    expect((await first.response()).statusCode).toBe(200)
  })

  test('that nobody reads is no way past the limit', async () => {
    const app = await storage({ limit: fixedLimit(2), queue: { maxSize: 0 } })
    const gate = new Gate()
    app.post('/blind', async () => gate.pass())
    const clients = await connectMany(await listen(app), 20)
    const request = { ...uploads[2]!.request, method: 'POST', path: '/blind' }
    await Promise.all(clients.map(async (client) => client.send(request, 10)))
    await until('all have asked', () => gate.entered + stats(app).refused.default.limit === 20)
    expect(gate.entered).toBe(2)
    gate.open()
  })

  test('of which a hook reads the form first is treated no other way', async () => {
    const app = await limitedApp(one)
    await app.register(multipart, { attachFieldsToBody: true })
    app.post('/form', async () => 'stored')
    app.get('/orders', async () => 'orders')
    app.post('/orders', async () => 'placed')
    const port = await listen(app)
    const slow = await connectMany(port, 12)
    const request = { ...uploads[2]!.request, method: 'POST' }
    await Promise.all(slow.map(async (client) => client.send(request, 200)))
    // The forms must have got as far as the hook.
    await until('all have come', () => stats(app).admitted.default === 12)
    await until('all are being read', () => stats(app).inFlight === 0)
    const honest = await connectOne(port)
    await honest.send({ path: '/orders' })
    expect((await honest.response()).statusCode).toBe(200)
    for (const client of slow) client.socket.write(request.body!.slice(-200))
    const answers = await Promise.all(slow.map(async (client) => client.response()))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(slow.map(() => 200))
    await untilIdle(app)
    expect(stats(app).released.success).toBe(13)
  })

  test('of a route that is not found is not limited; with includeNotFound it is', async () => {
    for (const includeNotFound of [false, true]) {
      const app = await limitedApp({ ...one, includeNotFound })
      app.setNotFoundHandler(async (_request, reply) => reply.code(404).send('nothing here'))
      const client = await connectOne(await listen(app))
      await client.send({ ...uploads[0]!.request, method: 'POST', path: '/nowhere' })
      expect((await client.response()).statusCode).toBe(404)
      await untilIdle(app)
      expect(stats(app).admitted.default).toBe(includeNotFound ? 1 : 0)
    }
  })
})
