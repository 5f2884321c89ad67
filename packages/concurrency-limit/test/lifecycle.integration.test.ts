import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { DoorStats } from '../src/index.ts'
import { connectOne, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

const one = { limit: fixedLimit(1), queue: { maxSize: 0 } }
const post = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'hello' }

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

describe('request.cancelSignal', () => {
  test('does not abort because a body has been read; fetch with it works', async () => {
    const app = await limitedApp()
    app.get('/downstream', async () => ({ fetched: true }))
    app.post('/', async (request) => {
      const { signal } = request
      await sleep(20)
      const url = `http://127.0.0.1:${port}/downstream`
      const response = await fetch(url, { signal: request.cancelSignal })
      return { ...((await response.json()) as object), fastify: signal.aborted }
    })
    const port = await listen(app)
    const client = await connectOne(port)
    await client.send(post)
    // Should `fastify` ever be false here, Fastify's own signal has become usable.
    expect(JSON.parse((await client.response()).body)).toEqual({ fetched: true, fastify: true })
  })

  test('cancels the downstream call of a POST whose client has gone', async () => {
    const app = await limitedApp()
    const gate = new Gate()
    const outcomes: unknown[] = []
    app.get('/downstream', { config: { concurrencyLimit: false } }, async () => gate.pass())
    app.post('/', async (request) => {
      const url = `http://127.0.0.1:${port}/downstream`
      await fetch(url, { signal: request.cancelSignal }).catch((error: unknown) => {
        outcomes.push(error)
      })
    })
    const port = await listen(app)
    const client = await connectOne(port)
    await client.send(post)
    await until('the downstream works', () => gate.entered === 1)
    client.hangUp()
    await until('the call is cancelled', () => outcomes.length === 1)
    expect(outcomes[0]).toMatchObject({ code: 'SPW_ERR_CANCELLED' })
    await untilIdle(app)
    gate.open()
  })

  test('aborts at the handlerTimeout of a POST, where that of Fastify has ended with the body', async () => {
    const app = await limitedApp()
    app.post('/', { handlerTimeout: 40 }, async (request) => {
      await sleep(10_000, undefined, { signal: request.cancelSignal }).catch(() => {
        throw request.cancelSignal.reason
      })
    })
    const client = await connectOne(await listen(app))
    await client.send(post)
    expect(JSON.parse((await client.response()).body)).toMatchObject({ code: 'SPW_ERR_DEADLINE' })
    await untilIdle(app)
    expect(stats(app).released.dropped).toBe(1)
  })

  test('aborts at the default deadline; thrown on, it is answered with 503', async () => {
    const app = await limitedApp({ defaultDeadlineMs: 40 })
    app.post('/', async (request) => {
      await sleep(10_000, undefined, { signal: request.cancelSignal }).catch(() => {
        throw request.cancelSignal.reason
      })
    })
    const client = await connectOne(await listen(app))
    await client.send(post)
    const response = await client.response()
    expect(response.statusCode).toBe(503)
    expect(JSON.parse(response.body)).toMatchObject({ code: 'SPW_ERR_DEADLINE' })
    await untilIdle(app)
    expect(stats(app).released.dropped).toBe(1)
  })
})

describe('a handler that outlives its response', () => {
  async function timingOut(countAbandoned: boolean): Promise<[FastifyInstance, Gate]> {
    const app = await limitedApp({ ...one, countAbandoned })
    const gate = new Gate()
    app.get('/', { handlerTimeout: 30 }, async () => gate.pass())
    const client = await connectOne(await listen(app))
    await client.send()
    const response = await client.response()
    expect(JSON.parse(response.body)).toMatchObject({ code: 'FST_ERR_HANDLER_TIMEOUT' })
    await until('the handler is abandoned', () => stats(app).abandoned === 1)
    return [app, gate]
  }

  test('after handlerTimeout is counted as abandoned, its permit as dropped', async () => {
    const [app, gate] = await timingOut(false)
    expect(stats(app)).toMatchObject({ inFlight: 0, released: { dropped: 1 } })
    gate.open()
    await until('it has ended', () => stats(app).abandoned === 0)
    expect(stats(app).released).toEqual({ success: 0, dropped: 1, ignored: 0 })
  })

  test('keeps its permit to the end with countAbandoned', async () => {
    const [app, gate] = await timingOut(true)
    expect(stats(app)).toMatchObject({ inFlight: 1, released: { dropped: 0 } })
    expect((await app.inject('/')).statusCode).toBe(503)
    gate.open()
    await untilIdle(app)
    expect(stats(app)).toMatchObject({ abandoned: 0, released: { dropped: 1 } })
  })

  test('keeps its permit with countAbandoned after a hang-up, even when it fails', async () => {
    const app = await limitedApp({ ...one, countAbandoned: true })
    const gate = new Gate()
    app.post('/', async () => {
      await gate.pass()
      throw new Error('broken')
    })
    const client = await connectOne(await listen(app))
    await client.send(post)
    await until('the handler runs', () => gate.entered === 1)
    client.hangUp()
    await until('it is abandoned', () => stats(app).abandoned === 1)
    expect(stats(app).inFlight).toBe(1)
    gate.open()
    await untilIdle(app)
    expect(stats(app)).toMatchObject({ abandoned: 0, released: { ignored: 1 } })
  })

  test('is counted also when its client left before it began', async () => {
    const app = await limitedApp(one)
    const auth = new Gate()
    const gate = new Gate()
    app.addHook('preHandler', async () => auth.pass())
    app.get('/', async () => gate.pass())
    const client = await connectOne(await listen(app))
    await client.send()
    await until('authentication runs', () => auth.entered === 1)
    client.hangUp()
    await untilIdle(app)
    expect(stats(app).abandoned).toBe(0)
    auth.open()
    await until('the handler runs', () => gate.entered === 1)
    expect(stats(app).abandoned).toBe(1)
    gate.open()
    await until('it has ended', () => stats(app).abandoned === 0)
  })
})

describe('responses that are no plain values give their permit back', () => {
  test('a hijacked reply, when its head leaves', async () => {
    const app = await limitedApp(one)
    app.get('/', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-length': '2' })
      reply.raw.write('h')
      setTimeout(() => reply.raw.end('i'), 20)
    })
    const client = await connectOne(await listen(app))
    await client.send()
    expect(await client.response()).toMatchObject({ statusCode: 200, body: 'hi' })
    await untilIdle(app)
    expect(stats(app).released.success).toBe(1)
  })

  test.each([false, true])(
    'a stream of events, at its first one; by hand: %s',
    async (isByHand) => {
      const app = await limitedApp(one)
      const stream = new Readable({ read: () => {} })
      app.get('/events', (_request, reply) => {
        if (isByHand) {
          reply.hijack()
          stream.pipe(reply.raw)
        } else {
          void reply.type('text/event-stream').send(stream)
        }
      })
      const client = await connectOne(await listen(app))
      await client.send({ path: '/events' })
      await until('the handler runs', () => stats(app).inFlight === 1)
      stream.push('data: 1\n\n')
      await client.seen('data: 1')
      expect(stats(app)).toMatchObject({ inFlight: 0, released: { success: 1 } })
      client.hangUp()
      await until('its end is seen', () => stream.destroyed || stream.readableFlowing !== true)
      expect(stats(app)).toMatchObject({ inFlight: 0, released: { success: 1, ignored: 0 } })
    },
  )

  test('a hijacked reply that never begins, when its client leaves', async () => {
    const app = await limitedApp(one)
    app.get('/', (_request, reply) => void reply.hijack())
    const client = await connectOne(await listen(app))
    await client.send()
    await until('the handler runs', () => stats(app).inFlight === 1)
    client.hangUp()
    await untilIdle(app)
    expect(stats(app).released).toEqual({ success: 0, dropped: 0, ignored: 1 })
  })

  test('a stream that ends', async () => {
    const app = await limitedApp(one)
    app.get('/', async (_request, reply) => reply.send(Readable.from(['a', 'b'])))
    const client = await connectOne(await listen(app))
    await client.send()
    await client.seen('0\r\n\r\n')
    await untilIdle(app)
    expect(stats(app).released.success).toBe(1)
  })

  test('a stream that breaks', async () => {
    const app = await limitedApp(one)
    app.get('/', async (_request, reply) =>
      reply.send(
        new Readable({
          read() {
            this.push('a')
            this.destroy(new Error('broken'))
          },
        }),
      ),
    )
    const client = await connectOne(await listen(app))
    await client.send()
    await until('the connection is cut', () => client.socket.destroyed)
    await untilIdle(app)
    expect(stats(app).released).toEqual({ success: 1, dropped: 0, ignored: 0 })
  })

  test('a handler that throws, a HEAD', async () => {
    const app = await limitedApp(one)
    app.get('/', async () => {
      throw new Error('broken')
    })
    app.get('/fine', async () => 'fine')
    const client = await connectOne(await listen(app))
    await client.send()
    expect((await client.response()).statusCode).toBe(500)
    await client.send({ method: 'HEAD', path: '/fine' })
    expect((await client.response({ withoutBody: true })).statusCode).toBe(200)
    await untilIdle(app)
    expect(stats(app).released).toEqual({ success: 1, dropped: 0, ignored: 1 })
  })
})

test('an upload is refused before its body has come, and the connection goes on', async () => {
  const app = await limitedApp(one)
  const gate = new Gate()
  app.get('/', async () => gate.pass())
  app.post('/', async () => 'stored')
  const port = await listen(app)
  const [first, second] = [await connectOne(port), await connectOne(port)]
  await first.send()
  await until('the first runs', () => gate.entered === 1)
  await second.send(post, 3)
  expect(await second.response()).toMatchObject({ statusCode: 503 })
  gate.open()
  expect((await first.response()).statusCode).toBe(200)
  await untilIdle(app)
  second.socket.write(post.body.slice(-3))
  await second.send(post)
  expect(await second.response()).toMatchObject({ statusCode: 200, body: 'stored' })
})
