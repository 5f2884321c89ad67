import { AsyncLocalStorage } from 'node:async_hooks'
import { fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import { Gate, limitedApp, until } from './serve.ts'

describe('waiting', () => {
  test('ends with a permit as soon as one is free', async () => {
    const app = await limitedApp({ limit: fixedLimit(1) })
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const both = [app.inject('/'), app.inject('/')]
    await until('one runs and one waits', () => app.limiters.default.queued === 1)
    gate.open()
    const answers = await Promise.all(both)
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200])
  })

  test('ends with SPW_ERR_QUEUE_TIMEOUT after maxWaitMs', async () => {
    const clock = new ManualClock()
    const app = await limitedApp({ limit: fixedLimit(1), queue: { maxWaitMs: 300 }, clock })
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const first = app.inject('/')
    await until('the first runs', () => gate.entered === 1)
    const second = app.inject('/')
    await until('one waits', () => app.limiters.default.queued === 1)
    clock.advance(300)
    expect((await second).json()).toMatchObject({ statusCode: 503, code: 'SPW_ERR_QUEUE_TIMEOUT' })
    gate.open()
    expect((await first).statusCode).toBe(200)
  })

  test('is shortened by the route', async () => {
    const clock = new ManualClock()
    const app = await limitedApp({ limit: fixedLimit(1), clock })
    const gate = new Gate()
    app.get('/', { config: { concurrencyLimit: { maxWaitMs: 20 } } }, async () => gate.pass())
    const first = app.inject('/')
    await until('the first runs', () => gate.entered === 1)
    const second = app.inject('/')
    await until('one waits', () => app.limiters.default.queued === 1)
    clock.advance(20)
    expect((await second).statusCode).toBe(503)
    gate.open()
    await first
  })

  test.each([
    { query: '?tenant=7' },
    { query: '?tenant=a&tenant=b' },
    { query: '' },
    { query: '?none' },
  ])('is for whatever a partition is made of: $query', async ({ query }) => {
    const app = await limitedApp({
      limit: fixedLimit(1),
      partition: ({ query: sent }) => {
        const { tenant, none } = sent as Record<string, unknown>
        return (none === undefined ? Number(tenant) || tenant : null) as string | undefined
      },
    })
    const gate = new Gate()
    app.get('/', async () => gate.pass())
    const both = [app.inject('/'), app.inject(`/${query}`)]
    await until('one waits', () => app.limiters.default.queued === 1)
    gate.open()
    const answers = await Promise.all(both)
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200])
  })

  test('is in order of priority: of the route, of the function, of another plugin', async () => {
    const app = await limitedApp({
      limit: fixedLimit(1),
      priority: (request) => (request.headers['x-batch'] ? 'low' : undefined),
    })
    const gate = new Gate()
    const served: string[] = []
    app.get('/hold', async () => gate.pass())
    app.get('/plain', async (request) => served.push(`plain ${request.priority}`))
    app.get('/pay', { config: { concurrencyLimit: { priority: 'critical' } } }, async (request) =>
      served.push(`pay ${request.priority}`),
    )
    const hold = app.inject('/hold')
    await until('the permit is taken', () => gate.entered === 1)
    const others = [
      app.inject({ url: '/plain', headers: { 'x-batch': '1' } }),
      app.inject('/plain'),
      app.inject({ url: '/pay', headers: { 'x-batch': '1' } }),
    ]
    await until('three wait', () => app.limiters.default.queued === 3)
    gate.open()
    await Promise.all([hold, ...others])
    expect(served).toEqual(['pay critical', 'plain default', 'plain low'])
  })

  test('by partition: whoever asks ten times waits behind himself', async () => {
    const app = await limitedApp({
      limit: fixedLimit(1),
      partition: (request) => request.headers['x-tenant'] as string | undefined,
    })
    const gate = new Gate()
    const served: unknown[] = []
    app.get('/hold', async () => gate.pass())
    app.get('/', async (request) => served.push(request.headers['x-tenant']))
    const hold = app.inject('/hold')
    await until('the permit is taken', () => gate.entered === 1)
    const tenants = ['a', 'a', 'a', 'a', 'b']
    const others = tenants.map(async (tenant) =>
      app.inject({ url: '/', headers: { 'x-tenant': tenant } }),
    )
    await until('all wait', () => app.limiters.default.queued === 5)
    gate.open()
    await Promise.all([hold, ...others])
    expect(served.indexOf('b')).toBeLessThan(2)
  })

  test('goes on in the async context of its own request', async () => {
    const app = await limitedApp({ limit: fixedLimit(1) })
    const context = new AsyncLocalStorage<unknown>()
    const gate = new Gate()
    const seen: unknown[] = []
    app.get('/:id', async () => {
      await gate.pass()
      seen.push(context.getStore())
    })
    const both = ['a', 'b'].map((id) => context.run(id, async () => app.inject(`/${id}`)))
    await until('one waits', () => app.limiters.default.queued === 1)
    gate.open()
    await Promise.all(both)
    expect(seen).toEqual(['a', 'b'])
  })

  test('answers a refusal in the async context of its own request, too', async () => {
    const clock = new ManualClock()
    const app = await limitedApp({ limit: fixedLimit(1), queue: { maxWaitMs: 100 }, clock })
    const context = new AsyncLocalStorage<unknown>()
    const gate = new Gate()
    const seen: unknown[] = []
    app.addHook('onSend', async () => {
      seen.push(context.getStore())
    })
    app.get('/:id', async () => gate.pass())
    const [first, second] = ['a', 'b'].map((id) => context.run(id, async () => app.inject(id)))
    await until('one waits', () => app.limiters.default.queued === 1)
    clock.advance(100)
    await second
    gate.open()
    await first
    expect(seen).toEqual(['b', 'a'])
  })
})
