import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { DoorStats } from '../src/index.ts'
import { connectMany, connectOne, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

const one = { limit: fixedLimit(1), queue: { maxSize: 10 } }

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

function within(ms: number | string): { headers: Record<string, string> } {
  return { headers: { 'x-envoy-expected-rq-timeout-ms': String(ms) } }
}

function important(priority: string): { headers: Record<string, string> } {
  return { headers: { 'x-request-priority': priority } }
}

describe('a deadline in a header', () => {
  test('that passes while the request waits: its handler is never called', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const [first, second] = await connectMany(await listen(app), 2)
    await first!.send()
    await until('the first is at work', () => gate.entered === 1)
    await second!.send(within(80))
    const refused = await second!.response()
    expect(refused.statusCode).toBe(503)
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'SPW_ERR_QUEUE_TIMEOUT' })
    gate.open()
    await first!.response()
    await untilIdle(app)
    expect(gate.entered).toBe(1)
    expect(stats(app)).toMatchObject({ late: 0, admitted: { default: 1 } })
  })

  test('that makes no sense is no reason for an error', async () => {
    const app = await limitedApp({ defaultDeadlineMs: 60_000 })
    app.get('/', async ({ deadline }) => deadline!.remainingMs > 30_000)
    const port = await listen(app)
    for (const value of ['-5', 'NaN', '1e309', '9'.repeat(3000), '1, 2', '0', 'é', '\t']) {
      const client = await connectOne(port)
      await client.send(within(value))
      expect(await client.response()).toMatchObject({ statusCode: 200, body: 'true' })
    }
  })

  test('is not heard when callers are ignored', async () => {
    const app = await limitedApp({ callerHeaders: 'ignore' })
    app.get('/', async ({ deadline }) => ({ bounded: deadline !== undefined }))
    const client = await connectOne(await listen(app))
    await client.send(within(5))
    expect((await client.response()).body).toBe('{"bounded":false}')
  })
})

describe('a priority in a header', () => {
  /** Who is served first of two that wait, the first of which came first. */
  async function order(
    options: object,
    first: string,
    second: string,
    config: object = {},
  ): Promise<string[]> {
    const app = await limitedApp({ ...one, ...options })
    const gate = new Gate()
    const served: string[] = []
    app.get('/busy', async () => gate.pass())
    app.get('/', { config: { concurrencyLimit: config } }, async (request) => {
      served.push(String(request.headers['x-request-priority']))
    })
    const [busy, a, b] = await connectMany(await listen(app), 3)
    await busy!.send({ path: '/busy' })
    await until('the permit is taken', () => gate.entered === 1)
    await a!.send(important(first))
    await until('one waits', () => app.limiters.default.queued === 1)
    await b!.send(important(second))
    await until('two wait', () => app.limiters.default.queued === 2)
    gate.open()
    await Promise.all([a!.response(), b!.response()])
    return served
  }

  test('lets a caller stand back', async () => {
    expect(await order({}, 'low', 'default')).toEqual(['default', 'low'])
    expect(await order({}, 'low', 'high', { priority: 'critical' })).toEqual(['high', 'low'])
  })

  test('does not let it push in, unless it is trusted', async () => {
    expect(await order({}, 'default', 'critical')).toEqual(['default', 'critical'])
    const trusted = { callerHeaders: () => 'trust' }
    expect(await order(trusted, 'default', 'critical')).toEqual(['critical', 'default'])
  })
})

describe('what is finished after its deadline', () => {
  test('is counted, whether it was answered or not', async () => {
    const app = await limitedApp()
    app.get('/', async () => {
      await sleep(60)
      return 'too late'
    })
    app.get('/timeout', { handlerTimeout: 30 }, async () => sleep(90))
    const port = await listen(app)
    const client = await connectOne(port)
    await client.send(within(20))
    expect((await client.response()).statusCode).toBe(200)
    await until('it is counted', () => stats(app).late === 1)
    const other = await connectOne(port)
    await other.send({ path: '/timeout' })
    expect((await other.response()).statusCode).toBe(503)
    expect(stats(app)).toMatchObject({ late: 1, abandoned: 1 })
    await until('the handler has ended', () => stats(app).abandoned === 0)
    expect(stats(app).late).toBe(2)
  })

  test('is not, when it failed, was in time, or nobody had a deadline', async () => {
    const app = await limitedApp()
    app.get('/', async () => 'in time')
    app.get('/fails', async (request) => {
      await sleep(60)
      throw request.cancelSignal.reason
    })
    const port = await listen(app)
    const requests = [{}, within(60_000), { path: '/fails', ...within(20) }]
    for (const request of requests) {
      const client = await connectOne(port)
      await client.send(request)
      await client.response()
    }
    await untilIdle(app)
    expect(stats(app)).toMatchObject({ late: 0, released: { success: 2, ignored: 1 } })
  })
})

describe('callers whose deadlines nobody could keep', () => {
  test('do not take the limit down', async () => {
    const app = await limitedApp()
    app.get('/', async (request) => {
      await sleep(200, undefined, { signal: request.cancelSignal }).catch(() => {
        throw request.cancelSignal.reason
      })
    })
    const port = await listen(app)
    const ask = async (ms: number): Promise<number> => {
      const client = await connectOne(port)
      await client.send(within(ms))
      return (await client.response()).statusCode
    }
    for (let index = 0; index < 3; index += 1) expect(await ask(60_000)).toBe(200)
    const before = app.limiters.default.limit
    const answers = await Promise.all(Array.from({ length: 15 }, () => ask(8)))
    expect(new Set(answers)).toEqual(new Set([503]))
    await untilIdle(app)
    expect(stats(app)).toMatchObject({ released: { success: 3, dropped: 0 } })
    expect(app.limiters.default.limit).toBeGreaterThanOrEqual(0.8 * before)
  })
})
