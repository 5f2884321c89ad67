import type { Priority } from '@spillway/core'
import type { FastifyInstance, InjectOptions } from 'fastify'
import Fastify from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RequestOptions } from '../src/index.ts'
import { decorateRequests, priorityFor } from '../src/index.ts'

interface Seen {
  readonly leftMs: number | undefined
  readonly priority: Priority
  /** What a `critical` and a `low` route would get. */
  readonly asCritical: Priority
  readonly asLow: Priority
}

type Headers = NonNullable<InjectOptions['headers']>

async function see(
  options: RequestOptions,
  headers: Headers,
  handlerTimeout?: number,
): Promise<Seen> {
  const app = Fastify()
  onTestFinished(() => app.close())
  decorateRequests(app, options)
  return ask(app, headers, handlerTimeout)
}

async function ask(app: FastifyInstance, headers: Headers, handlerTimeout?: number): Promise<Seen> {
  app.get('/', handlerTimeout === undefined ? {} : { handlerTimeout }, async (request) => ({
    leftMs: request.deadline?.remainingMs,
    priority: request.priority,
    asCritical: priorityFor(request, 'critical'),
    asLow: priorityFor(request, 'low'),
  }))
  const response = await app.inject({ url: '/', headers })
  expect(response.statusCode).toBe(200)
  return response.json<Seen>()
}

function deadline(ms: number | string): Headers {
  return { 'x-envoy-expected-rq-timeout-ms': String(ms) }
}

/** Far enough apart for the slowest machine. */
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000]

function near(leftMs: number | undefined, ms: number): boolean {
  return leftMs !== undefined && leftMs <= ms && leftMs > ms - minute
}

describe('a deadline in a header', () => {
  test('counts when nothing else bounds the request', async () => {
    expect(near((await see({}, deadline(hour))).leftMs, hour)).toBe(true)
  })

  test.each([
    { title: 'tightens the default', defaultMs: day, askedMs: hour, leftMs: hour },
    { title: 'does not loosen the default', defaultMs: hour, askedMs: day, leftMs: hour },
    { title: 'tightens handlerTimeout', handlerTimeout: day, askedMs: hour, leftMs: hour },
    { title: 'does not loosen handlerTimeout', handlerTimeout: hour, askedMs: day, leftMs: hour },
    {
      title: 'replaces the default when trusted',
      callerHeaders: 'trust',
      defaultMs: hour,
      askedMs: day,
      leftMs: day,
    },
    {
      title: 'does not loosen handlerTimeout when trusted: Fastify would answer then',
      callerHeaders: 'trust',
      handlerTimeout: hour,
      askedMs: day,
      leftMs: hour,
    },
    {
      title: 'is ignored when told so',
      callerHeaders: 'ignore',
      defaultMs: day,
      askedMs: hour,
      leftMs: day,
    },
  ] as const)('$title', async ({ askedMs, leftMs, ...rest }) => {
    const { defaultMs, callerHeaders, handlerTimeout } = rest as {
      defaultMs?: number
      callerHeaders?: 'trust' | 'ignore'
      handlerTimeout?: number
    }
    const options = { defaultDeadlineMs: defaultMs, callerHeaders }
    const seen = await see(options, deadline(askedMs), handlerTimeout)
    expect(near(seen.leftMs, leftMs), `${seen.leftMs}`).toBe(true)
  })

  test.each(['-1', '0', 'NaN', '1e309', '9'.repeat(400), '5, 5', 'soon', ' ', '1.5', '٣'])(
    'that is %j is ignored, trusted or not',
    async (value) => {
      for (const callerHeaders of ['tighten', 'trust'] as const) {
        const options = { defaultDeadlineMs: hour, callerHeaders }
        expect(near((await see(options, deadline(value))).leftMs, hour)).toBe(true)
      }
    },
  )
})

describe('a priority in a header', () => {
  test.each([
    { trust: 'tighten', word: 'low', priority: 'low', asCritical: 'low', asLow: 'low' },
    {
      trust: 'tighten',
      word: 'critical',
      priority: 'default',
      asCritical: 'critical',
      asLow: 'low',
    },
    { trust: 'trust', word: 'low', priority: 'low', asCritical: 'low', asLow: 'low' },
    { trust: 'trust', word: 'high', priority: 'high', asCritical: 'high', asLow: 'high' },
    { trust: 'trust', word: 'HIGH', priority: 'default', asCritical: 'critical', asLow: 'low' },
    { trust: 'ignore', word: 'low', priority: 'default', asCritical: 'critical', asLow: 'low' },
  ] as const)('$trust, $word', async ({ trust, word, ...expected }) => {
    const seen = await see({ callerHeaders: trust }, { 'x-request-priority': word })
    expect(seen).toMatchObject(expected)
  })

  test('may lower, when nobody has said anything about trust', async () => {
    expect(await see({}, { 'x-request-priority': 'low' })).toMatchObject({ asCritical: 'low' })
    expect(await see({}, { 'x-request-priority': 'high' })).toMatchObject({ priority: 'default' })
  })

  test('says nothing about the deadline', async () => {
    expect((await see({}, { 'x-request-priority': 'low' })).leftMs).toBeUndefined()
  })
})

describe('callerHeaders', () => {
  test('may be a function, which is asked only when there is something to decide', async () => {
    let asked = 0
    const app = Fastify()
    onTestFinished(() => app.close())
    decorateRequests(app, {
      callerHeaders: ({ headers }) => {
        asked += 1
        return headers['x-gateway'] === 'ours' ? 'trust' : 'ignore'
      },
    })
    app.get('/', async (request) => request.priority)
    const priorityOf = async (headers: Headers): Promise<string> =>
      (await app.inject({ url: '/', headers })).body
    expect(await priorityOf({})).toBe('default')
    expect(asked).toBe(0)
    expect(await priorityOf({ 'x-request-priority': 'high' })).toBe('default')
    expect(await priorityOf({ 'x-request-priority': 'high', 'x-gateway': 'ours' })).toBe('high')
    expect(asked).toBe(2)
  })

  test('is that of the plugin which has said it, in whatever order they came', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    decorateRequests(app)
    decorateRequests(app, { callerHeaders: 'ignore' })
    decorateRequests(app, { callerHeaders: 'ignore' })
    expect((await ask(app, { 'x-request-priority': 'low' })).priority).toBe('default')
  })

  test('of a child scope is its own, that of the parent stays', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    decorateRequests(app, { callerHeaders: 'ignore', defaultDeadlineMs: hour })
    app.get('/', async (request) => request.priority)
    await app.register(async (internal) => {
      decorateRequests(internal, { callerHeaders: 'trust' })
      internal.get('/internal', async ({ priority, deadline: left }) => ({
        priority,
        leftMs: left?.remainingMs,
      }))
    })
    const headers = { 'x-request-priority': 'high' }
    expect((await app.inject({ url: '/', headers })).body).toBe('default')
    const inside = (await app.inject({ url: '/internal', headers })).json<Seen>()
    expect(inside.priority).toBe('high')
    expect(near(inside.leftMs, hour)).toBe(true)
  })

  test('may not be said twice in two ways', () => {
    const app = Fastify()
    decorateRequests(app, { callerHeaders: 'ignore' })
    expect(() => {
      decorateRequests(app, { callerHeaders: 'trust' })
    }).toThrow('Expected `callerHeaders` to be the same for all plugins of a scope, got "trust"')
  })

  test.each([true, 'trusted', {}])('%j is refused', (callerHeaders) => {
    expect(() => {
      decorateRequests(Fastify(), { callerHeaders: callerHeaders as never })
    }).toThrow("Expected `callerHeaders` to be one of 'ignore', 'tighten', 'trust'")
  })
})

describe('request.callOptions', () => {
  test('are the deadline as it is now, the priority and the cancel signal', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    decorateRequests(app, { defaultDeadlineMs: hour })
    app.get('/', async (request) => {
      request.priority = 'high'
      const { deadlineMs, priority, signal } = request.callOptions
      return [near(deadlineMs, hour), priority, signal === request.cancelSignal]
    })
    expect((await app.inject('/')).json()).toEqual([true, 'high', true])
  })

  test('name no deadline when nothing bounds the request', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    decorateRequests(app)
    app.get('/', async (request) => ({ none: request.callOptions.deadlineMs === undefined }))
    expect((await app.inject('/')).json()).toEqual({ none: true })
  })
})
