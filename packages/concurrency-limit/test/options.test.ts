import { fixedLimit } from '@spillway/core'
import { badClocks } from '@spillway/test-support'
import Fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import type { ConcurrencyLimitOptions } from '../src/index.ts'
import { concurrencyLimit } from '../src/index.ts'
import { limitedApp } from './serve.ts'

describe('wrong options fail at registration', () => {
  test.each([
    [{ limt: 1 }, /^Unknown option `options\.limt`, expected one of name, limit/],
    [{ limit: 5 }, 'Expected `limit` to be what makes a limit, such as adaptiveLimit()'],
    [
      { queue: { maxSize: -1 } },
      'Expected `queue.maxSize` to be an integer of at least 0, got -1 (number)',
    ],
    [
      { limiters: { default: {} } },
      'Expected `limiters` to be names other than that of the default limiter, got "default" (string)',
    ],
    [
      { limiters: { reports: { size: 1 } } },
      'Unknown option `limiters.reports.size`, expected one of limit, queue',
    ],
    [
      { limiters: { reports: { queue: { maxWaitMs: 'x' } } } },
      /^limiters\.reports: Expected `queue\.maxWaitMs`/,
    ],
    [{ limiters: [] }, 'Expected `limiters` to be an object, got an array'],
    [
      { statusCode: 200 },
      'Expected `statusCode` to be an integer from 400 to 599, got 200 (number)',
    ],
    [{ priority: 'high' }, 'Expected `priority` to be a function, got "high" (string)'],
    [{ partition: 1 }, 'Expected `partition` to be a function, got 1 (number)'],
    [
      { defaultDeadlineMs: 0 },
      'Expected `defaultDeadlineMs` to be a number of milliseconds of at least 1, got 0 (number)',
    ],
    [{ countAbandoned: 1 }, 'Expected `countAbandoned` to be true or false, got 1 (number)'],
    [
      { includeNotFound: 'no' },
      'Expected `includeNotFound` to be true or false, got "no" (string)',
    ],
    [{ name: '' }, 'Expected `name` to be a non-empty string, got "" (string)'],
  ])('%j', async (options, message) => {
    const app = Fastify()
    const registered = (async () =>
      app.register(concurrencyLimit, options as ConcurrencyLimitOptions))()
    await expect(registered).rejects.toThrow(message)
  })

  test.each(badClocks)('a clock that is none: $what', async ({ clock }) => {
    const registered = (async () => Fastify().register(concurrencyLimit, { clock }))()
    await expect(registered).rejects.toThrow('Expected `clock` to be ')
  })

  test('a second registration in the same scope or in a child', async () => {
    const app = await limitedApp()
    const again = (async () => app.register(concurrencyLimit))()
    await expect(again).rejects.toThrow('concurrencyLimit is registered for this scope already')
  })

  test('and the options are never written to', async () => {
    const options = Object.freeze({
      limit: fixedLimit(1),
      queue: Object.freeze({ maxSize: 1 }),
      limiters: Object.freeze({ reports: Object.freeze({}) }),
    })
    const app = await limitedApp(options)
    await app.ready()
    expect(Object.keys(options)).toEqual(['limit', 'queue', 'limiters'])
  })
})

describe('wrong route configuration fails when the route is added', () => {
  test.each([
    [
      { limiter: 'nobody' },
      "GET /x: Expected `concurrencyLimit.limiter` to be one of 'default', 'reports', got \"nobody\" (string)",
    ],
    [
      { priority: 'urgent' },
      "GET /x: Expected `concurrencyLimit.priority` to be one of 'critical', 'high', 'default', 'low', got \"urgent\" (string)",
    ],
    [{ maxWaitMs: -1 }, /^GET \/x: Expected `concurrencyLimit\.maxWaitMs`/],
    [
      { dependsOn: 'orders-db' },
      'GET /x: Expected `concurrencyLimit.dependsOn` to be an array of guard names, got "orders-db" (string)',
    ],
    [{ dependsOn: [''] }, /^GET \/x: Expected `concurrencyLimit\.dependsOn\[\]`/],
    [{ wait: 1 }, /^GET \/x: Unknown option `concurrencyLimit\.wait`/],
    [true, 'GET /x: Expected `concurrencyLimit` to be an object, got true (boolean)'],
    [null, 'GET /x: Expected `concurrencyLimit` to be an object, got null'],
  ])('%j', async (config, message) => {
    const app = await limitedApp({ limiters: { reports: {} } })
    expect(() => {
      app.get('/x', { config: { concurrencyLimit: config as never } }, async () => 'ok')
    }).toThrow(message)
  })

  test('frozen configuration is fine', async () => {
    const app = await limitedApp()
    const config = Object.freeze({ concurrencyLimit: Object.freeze({ priority: 'high' as const }) })
    app.get('/x', { config }, async (request) => request.priority)
    expect((await app.inject('/x')).body).toBe('high')
  })
})

test('a priority function that answers nonsense fails that request alone', async () => {
  const app = await limitedApp({ priority: (request) => request.headers['x-p'] as never })
  app.get('/', async () => 'ok')
  expect((await app.inject({ url: '/', headers: { 'x-p': 'urgent' } })).statusCode).toBe(500)
  expect((await app.inject('/')).statusCode).toBe(200)
  expect(app.limiters.default.inFlight).toBe(0)
})
