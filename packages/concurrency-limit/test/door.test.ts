import type { LimitFactory } from '@spillway/core'
import { fixedLimit } from '@spillway/core'
import Fastify from 'fastify'
import { describe, expect, test, vi } from 'vitest'
import { Gate, limitedApp, until, untilIdle } from './serve.ts'

const one = { limit: fixedLimit(1), queue: { maxSize: 0 } }

describe('a route with nothing said about it', () => {
  test('is admitted by the default limiter and answers as ever', async () => {
    const app = await limitedApp()
    app.get('/', async () => ({ ok: true }))
    const response = await app.inject('/')
    expect(response.json()).toEqual({ ok: true })
    await untilIdle(app)
    expect(app.limiters.stats()[0]).toMatchObject({
      name: 'default',
      algorithm: 'adaptive',
      admitted: { default: 1 },
      released: { success: 1, dropped: 0, ignored: 0 },
      abandoned: 0,
      refusedByGuard: 0,
    })
  })

  test('is refused with 503, Retry-After and a code when the limit is reached', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const first = app.inject('/')
    await until('the first runs', () => gate.entered === 1)
    const refused = await app.inject('/')
    expect(refused.statusCode).toBe(503)
    expect(refused.json()).toEqual({
      statusCode: 503,
      code: 'SPW_ERR_LIMIT_EXCEEDED',
      error: 'Service Unavailable',
      message: 'The concurrency limit is reached',
    })
    expect(refused.headers['retry-after']).toMatch(/^[12]$/)
    expect(refused.headers['x-spillway-retry']).toBe('no')
    expect(refused.headers['content-type']).toBe('application/json; charset=utf-8')
    gate.open()
    expect((await first).statusCode).toBe(200)
    await untilIdle(app)
  })

  test('runs onSend hooks on a refusal, but not the error handler', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    const errorHandler = vi.fn<() => void>()
    app.setErrorHandler(errorHandler)
    app.addHook('onSend', async (_request, reply) => {
      reply.header('access-control-allow-origin', '*')
    })
    app.get('/', async () => gate.pass())
    const first = app.inject('/')
    await until('the first runs', () => gate.entered === 1)
    const refused = await app.inject('/')
    expect(refused.headers['access-control-allow-origin']).toBe('*')
    expect(errorHandler).not.toHaveBeenCalled()
    gate.open()
    await first
  })

  test('is refused with the status that was asked for', async () => {
    const app = await limitedApp({ ...one, statusCode: 529 })
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const first = app.inject('/')
    await until('the first runs', () => gate.entered === 1)
    expect((await app.inject('/')).json()).toMatchObject({ statusCode: 529, error: '529' })
    gate.open()
    await first
  })

  test('gives HEAD the headers of the refusal and no body', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const first = app.inject('/')
    await until('the first runs', () => gate.entered === 1)
    const refused = await app.inject({ method: 'HEAD', url: '/' })
    expect(refused).toMatchObject({ statusCode: 503, body: '' })
    expect(refused.headers['retry-after']).toBeDefined()
    gate.open()
    await first
  })
})

describe('what is not limited', () => {
  test('a route that says false: neither refused nor counted', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    app.get('/healthz', { config: { concurrencyLimit: false } }, async () => 'ok')
    const first = app.inject('/')
    await until('the first runs', () => gate.entered === 1)
    expect((await app.inject('/healthz')).statusCode).toBe(200)
    expect((await app.inject({ method: 'HEAD', url: '/healthz' })).statusCode).toBe(200)
    expect(app.limiters.stats()[0]!.admitted.default).toBe(1)
    gate.open()
    await first
  })

  test('a request that no route matches', async () => {
    const app = await limitedApp(one)
    expect((await app.inject('/nowhere')).statusCode).toBe(404)
    expect(app.limiters.stats()[0]!.admitted.default).toBe(0)
  })

  test('unless includeNotFound says so', async () => {
    const app = await limitedApp({ ...one, includeNotFound: true })
    const gate = new Gate()
    app.setNotFoundHandler(async () => gate.pass())
    const first = app.inject('/nowhere')
    await until('the first runs', () => gate.entered === 1)
    expect((await app.inject('/elsewhere')).statusCode).toBe(503)
    gate.open()
    await first
    await untilIdle(app)
  })
})

describe('several limiters', () => {
  test('a route chooses one, and does not touch the others', async () => {
    const app = await limitedApp({ ...one, limiters: { reports: one } })
    const gate = new Gate()
    app.get('/', async () => 'ok')
    app.get('/report', { config: { concurrencyLimit: { limiter: 'reports' } } }, async () =>
      gate.pass(),
    )
    const first = app.inject('/report')
    await until('the first runs', () => gate.entered === 1)
    expect(app.limiters.get('reports')!.inFlight).toBe(1)
    expect(app.limiters.get('nobody')).toBeUndefined()
    expect((await app.inject('/report')).statusCode).toBe(503)
    expect((await app.inject('/')).statusCode).toBe(200)
    gate.open()
    await first
    expect(app.limiters.stats().map(({ name }) => name)).toEqual(['default', 'reports'])
  })

  test('sibling scopes have doors of their own', async () => {
    const { concurrencyLimit } = await import('../src/index.ts')
    const app = Fastify()
    const gate = new Gate()
    for (const name of ['public', 'admin']) {
      await app.register(async (scope) => {
        await scope.register(concurrencyLimit, { ...one, name })
        scope.get(`/${name}`, async () => gate.pass())
      })
    }
    app.get('/outside', async () => 'ok')
    const first = app.inject('/public')
    await until('the first runs', () => gate.entered === 1)
    expect((await app.inject('/public')).statusCode).toBe(503)
    expect((await app.inject('/outside')).statusCode).toBe(200)
    const admin = app.inject('/admin')
    await until('the other scope runs', () => gate.entered === 2)
    gate.open()
    expect((await admin).statusCode).toBe(200)
    await first
    await app.close()
  })

  test('an encapsulated child uses the door of its parent', async () => {
    const app = await limitedApp(one)
    const gate = new Gate()
    await app.register(async (child) => {
      child.get('/child', async () => gate.pass())
    })
    app.get('/', async () => 'ok')
    const first = app.inject('/child')
    await until('the child runs', () => gate.entered === 1)
    expect((await app.inject('/')).statusCode).toBe(503)
    gate.open()
    await first
  })
})

/** An error with the status that it is to be answered with. */
function failure(statusCode: number): Error {
  return Object.assign(new Error('failed'), { statusCode })
}

describe('how a response ended is what the limit learns', () => {
  test.each([
    { ended: 'with a 404', error: failure(404), outcome: 'success' },
    { ended: 'with a 500', error: failure(500), outcome: 'ignored' },
    { ended: 'with a 504', error: failure(504), outcome: 'dropped' },
  ] as const)('$ended: $outcome', async ({ error, outcome }) => {
    const app = await limitedApp()
    app.get('/', async () => {
      throw error
    })
    await app.inject('/')
    await untilIdle(app)
    expect(app.limiters.stats()[0]!.released[outcome]).toBe(1)
  })

  test('a refusal further in, also when an error handler dresses it up', async () => {
    const { SpillwayError } = await import('@spillway/core')
    const app = await limitedApp()
    app.setErrorHandler(async (_error, _request, reply) => reply.code(200).send('from elsewhere'))
    app.get('/', async () => Promise.reject(new SpillwayError('SPW_ERR_LIMIT_EXCEEDED')))
    expect((await app.inject('/')).statusCode).toBe(200)
    await untilIdle(app)
    expect(app.limiters.stats()[0]!.released.ignored).toBe(1)
  })
})

test('requests of one pattern are one workload', async () => {
  const workloads: unknown[] = []
  const limit: LimitFactory = () => ({
    algorithm: 'spy',
    current: 10,
    reason: 'spy',
    at: () => 10,
    onSample: ({ workload }) => {
      workloads.push(workload)
    },
  })
  const app = await limitedApp({ limit })
  app.get('/orders/:id', async () => 'ok')
  await app.inject('/orders/1')
  await app.inject('/orders/2?x=1')
  await app.inject({ method: 'HEAD', url: '/orders/2' })
  await untilIdle(app)
  expect(workloads).toEqual(['GET /orders/:id', 'GET /orders/:id', 'HEAD /orders/:id'])
})
