import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import { fixedLimit } from '@spillway/core'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { DoorStats } from '../src/index.ts'
import { concurrencyLimit } from '../src/index.ts'
import { connectOne, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

const one = { limit: fixedLimit(1), queue: { maxSize: 0 } }
const post = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'hello' }

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

describe('WebSockets', () => {
  async function socketApp(): Promise<[FastifyInstance, number]> {
    const app = await limitedApp({ ...one, limiters: { sockets: { ...one } } })
    await app.register(websocket)
    app.get('/free', { websocket: true }, (socket) => {
      socket.on('message', () => {
        socket.send('pong')
      })
    })
    const config = { concurrencyLimit: { limiter: 'sockets' } }
    app.get('/counted', { websocket: true, config }, () => {})
    app.get('/', async () => 'ok')
    return [app, await listen(app)]
  }

  test('are not counted unless their route says so', async () => {
    const [app, port] = await socketApp()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/free`)
    await once(socket, 'open')
    socket.send('ping')
    const [{ data }] = (await once(socket, 'message')) as [MessageEvent]
    expect(data).toBe('pong')
    expect((await app.inject('/')).statusCode).toBe(200)
    expect(stats(app).admitted.default).toBe(1)
    socket.close()
  })

  test('keep the permit of the limiter they name until they close', async () => {
    const [app, port] = await socketApp()
    const url = `ws://127.0.0.1:${port}/counted`
    const socket = new WebSocket(url)
    await once(socket, 'open')
    expect(app.limiters.get('sockets')!.inFlight).toBe(1)
    const second = new WebSocket(url)
    await once(second, 'error')
    socket.close()
    await untilIdle(app)
    expect(app.limiters.stats()[1]!.released).toEqual({ success: 0, dropped: 0, ignored: 1 })
  })

  test.each(['before', 'after'])(
    'hold no permit of a route that serves a page as well, registered %s the door',
    async (order) => {
      const app = Fastify({ forceCloseConnections: true })
      onTestFinished(async () => {
        await app.close()
      })
      if (order === 'before') await app.register(websocket)
      await app.register(concurrencyLimit, one)
      if (order === 'after') await app.register(websocket)
      app.route({
        method: 'GET',
        url: '/chat',
        handler: async () => 'page',
        wsHandler: (socket) => {
          socket.send('hello')
        },
      })
      const address = `127.0.0.1:${await listen(app)}/chat`
      for (const success of [1, 3, 5]) {
        const socket = new WebSocket(`ws://${address}`)
        await once(socket, 'message')
        expect(stats(app)).toMatchObject({ inFlight: 0, released: { success } })
        expect((await fetch(`http://${address}`)).status).toBe(200)
        onTestFinished(() => {
          socket.close()
        })
      }
    },
  )

  test('hold no permit of a route that takes the socket itself, as proxies do', async () => {
    const app = await limitedApp(one)
    app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      socket.on('error', () => {})
      const response = new ServerResponse(request)
      response.assignSocket(socket)
      app.routing(request, response)
    })
    app.get('/forward', (request, reply) => {
      reply.hijack()
      request.raw.socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    })
    app.get('/page', async () => 'page')
    const port = await listen(app)
    for (const path of ['/forward', '/forward', '/page']) {
      const client = await connectOne(port)
      await client.send({ path, headers: { connection: 'upgrade', upgrade: 'raw' } })
      await client.seen('HTTP/1.1')
      await untilIdle(app)
    }
    expect(stats(app).released).toEqual({ success: 3, dropped: 0, ignored: 0 })
  })

  test('that are accepted by hand never meet the door', async () => {
    const app = await limitedApp(one)
    app.server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {})
      socket.end(
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\nhi',
      )
    })
    const client = await connectOne(await listen(app))
    await client.send({ headers: { connection: 'upgrade', upgrade: 'echo' } })
    await client.seen('hi')
    expect(stats(app).admitted.default).toBe(0)
  })
})

test('HTTP/2: streams that are answered and streams that are reset give their permits back', async () => {
  const app = await limitedApp({ limit: fixedLimit(500) }, { http2: true } as never)
  const gate = new Gate()
  const signals: AbortSignal[] = []
  app.get('/', async (request) => {
    signals.push(request.cancelSignal)
    await gate.pass()
  })
  app.get('/fine', async () => 'fine')
  const session = connectHttp2(`http://127.0.0.1:${await listen(app)}`)
  const fine = session.request({ ':path': '/fine' })
  fine.resume()
  await once(fine, 'end')
  const requests = Array.from({ length: 50 }, () => session.request({ ':path': '/' }))
  await until('all handlers run', () => gate.entered === 50)
  for (const request of requests) {
    request.on('error', () => {})
    request.close(8)
  }
  await untilIdle(app)
  expect(stats(app).released).toEqual({ success: 1, dropped: 0, ignored: 50 })
  expect(signals.every(({ aborted }) => aborted)).toBe(true)
  gate.open()
  session.close()
})

test('slow uploads and idle connections: only what was admitted holds a permit', async () => {
  const app = await limitedApp({ limit: fixedLimit(10), queue: { maxSize: 0 } })
  app.post('/', async () => 'ok')
  const port = await listen(app)
  const idle = await Promise.all(Array.from({ length: 100 }, async () => connectOne(port)))
  await Promise.all(idle.map(async (client) => client.socket.write('POST / HTTP/1.1\r\nhost: x')))
  const client = await connectOne(port)
  await client.send(post)
  expect((await client.response()).statusCode).toBe(200)
  await untilIdle(app)
  expect(stats(app).admitted.default).toBe(1)
})
