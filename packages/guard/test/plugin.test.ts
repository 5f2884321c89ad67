import { fixedLimit } from '@spillway/core'
import { badClocks } from '@spillway/test-support'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import guard, { createGuard } from '../src/index.ts'

test('decorates the application with its downstreams', async () => {
  const app = Fastify()
  await app.register(guard)
  const db = app.guards.define('orders-db', { limit: fixedLimit(2) })
  expect(app.guards.get('orders-db')).toBe(db)
  expect(app.guards.get('other')).toBeUndefined()
  expect([...app.guards.values()]).toEqual([db])
  app.get('/', () => db.run(async () => ({ ok: true })))
  const answer = await app.inject('/')
  expect(answer.json()).toEqual({ ok: true })
  expect(db.stats().released.success).toBe(1)
  await app.close()
})

test('a refusal reaches the client as 503 with its code and Retry-After', async () => {
  const app = Fastify()
  await app.register(guard)
  const db = app.guards.define('orders-db', { limit: fixedLimit(1), queue: { maxSize: 0 } })
  const permit = db.limiter.tryAcquire()!
  app.get('/', () => db.run(async () => ({ ok: true })))
  const answer = await app.inject('/')
  expect(answer.statusCode).toBe(503)
  expect(answer.json()).toMatchObject({ code: 'SPW_ERR_LIMIT_EXCEEDED' })
  expect(answer.headers['retry-after']).toMatch(/^[12]$/)
  permit.release()
  await app.close()
})

test('tells the log and listeners of a circuit that changes', async () => {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const app = Fastify({ logger: { level: 'info', stream } })
  await app.register(guard)
  const db = app.guards.define('orders-db')
  app.guards.define('without', { breaker: false })
  const heard: unknown[] = []
  const stop = db.breaker!.onStateChange((change) => heard.push(change))
  const opened = { breaker: 'orders-db', from: 'closed', to: 'open', reason: 'failures' }
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  for (let call = 0; call < 10; call += 1)
    await db.run(() => Promise.reject(refused)).catch(() => {})
  stop()
  db.breaker!.close()
  expect(heard).toEqual([opened])
  expect(lines.filter(({ msg }) => msg === 'circuit changed')).toMatchObject([
    { level: 30, plugin: 'guard', ...opened },
    { level: 30, plugin: 'guard', from: 'open', to: 'closed', reason: 'manual' },
  ])
  await app.close()
})

test('refuses a name twice, too many names, and a name that is none', async () => {
  const app = Fastify()
  await app.register(guard, { maxGuards: 2 })
  app.guards.define('a')
  expect(() => app.guards.define('a')).toThrow(
    'Expected `name` to be the name of a guard that is not defined yet, got "a" (string)',
  )
  app.guards.define('b')
  expect(() => app.guards.define('c')).toThrow('one of at most 2 guards (maxGuards)')
  expect(() => app.guards.define('')).toThrow('Expected `name` to be a non-empty string')
  await app.close()
})

test('a failed definition takes no name', async () => {
  const app = Fastify()
  await app.register(guard)
  expect(() => app.guards.define('db', { timeoutMs: -1 })).toThrow('`timeoutMs`')
  expect(() => app.guards.define('db', { timeout: 1 } as never)).toThrow('Unknown option')
  expect(app.guards.define('db').name).toBe('db')
  await app.close()
})

test.each([5, null, [], 'fast', { name: 'b' }, { timeout: 5 }])(
  'refuses the options %j of a guard, and takes no name',
  async (options) => {
    const app = Fastify()
    await app.register(guard)
    expect(() => app.guards.define('a', options as never)).toThrow(/`options[.`]/)
    expect(app.guards.define('a').name).toBe('a')
    await app.close()
  },
)

test.each(badClocks)('refuses a clock that is none: $what', async ({ clock }) => {
  await expect(Fastify().register(guard, { clock })).rejects.toThrow('Expected `clock` to be ')
  expect(() => createGuard({ name: 'db', clock })).toThrow('Expected `clock` to be ')
})

test('a request is no options, with a body or without one', async () => {
  const app = Fastify()
  await app.register(guard)
  const db = app.guards.define('db')
  app.all('/', (request) => db.run(async () => 'rows', request))
  for (const method of ['GET', 'POST'] as const) {
    const answer = await app.inject({ url: '/', method, ...(method === 'GET' ? {} : { body: {} }) })
    expect(answer.json()).toMatchObject({
      code: 'SPW_ERR_OPTION',
      message:
        'Expected `options` to be options of a call, such as `request.callOptions`, got an object',
    })
  }
  await app.close()
})

test('closes its guards with the application', async () => {
  const app = Fastify()
  await app.register(guard)
  const db = app.guards.define('db')
  await app.close()
  await expect(db.run(async () => 1)).rejects.toMatchObject({ code: 'SPW_ERR_CLOSED' })
  expect(() => app.guards.define('late')).toThrow('closed')
})

test.each([{ maxGuards: 0 }, { maxguards: 3 }])('refuses the options %j', async (options) => {
  const app = Fastify()
  await expect(app.register(guard, options as never)).rejects.toMatchObject({
    code: 'SPW_ERR_OPTION',
  })
})

test('gives requests what a guard asks for, without a door in front', async () => {
  const app = Fastify()
  await app.register(guard, { defaultDeadlineMs: 60_000, callerHeaders: 'trust' })
  const db = app.guards.define('db')
  app.get('/', (request) =>
    db.run(
      async (_, { deadlineMs, priority }) => ({ bounded: deadlineMs <= 20_000, priority }),
      request.callOptions,
    ),
  )
  const headers = { 'x-envoy-expected-rq-timeout-ms': '20000', 'x-request-priority': 'critical' }
  const answer = await app.inject({ url: '/', headers })
  expect(answer.json()).toEqual({ bounded: true, priority: 'critical' })
  await app.close()
})

test('refuses a default deadline or a trust that is none', async () => {
  const register = async (options: object): Promise<void> => {
    await Fastify().register(guard, options)
  }
  await expect(register({ defaultDeadlineMs: -1 })).rejects.toThrow('Expected `defaultDeadlineMs`')
  await expect(register({ callerHeaders: 'all' })).rejects.toThrow('Expected `callerHeaders`')
})
