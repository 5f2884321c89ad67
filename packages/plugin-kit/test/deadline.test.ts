import { PassThrough } from 'node:stream'
import { callerDeadline } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import type { FastifyInstance, FastifyRequest, InjectOptions } from 'fastify'
import Fastify from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RemainingTime, RequestOptions, RequestTerms } from '../src/index.ts'
import { callDeadlines, decorateRequests, remainingTime } from '../src/index.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function makeApp(): FastifyInstance {
  const app = Fastify()
  onTestFinished(() => app.close())
  return app
}

const strangers = { 'x-envoy-expected-rq-timeout-ms': '120' }

/** What `look` sees of a request in virtual time. */
async function see<T>(
  options: RequestOptions,
  inject: InjectOptions,
  look: (request: FastifyRequest) => T,
): Promise<T> {
  const app = makeApp()
  decorateRequests(app, options)
  let seen!: T
  app.route({
    method: ['GET', 'POST'],
    url: '/',
    handler: async (request) => {
      seen = look(request)
    },
  })
  await app.inject({ url: '/', ...inject })
  return seen
}

describe('the clock of the plugins', () => {
  test('is that of deadlines, of what is left, and of the cancel signal', async () => {
    const clock = new ManualClock()
    clock.advance(5000)
    await see({ clock, defaultDeadlineMs: 1000 }, {}, (request) => {
      const { deadline, cancelSignal } = request
      expect(deadline).toMatchObject({ expiresAtMs: 6000, remainingMs: 1000 })
      clock.advance(400)
      expect(deadline!.remainingMs).toBe(600)
      expect(request.callOptions.deadlineMs).toBe(600)
      clock.advance(599)
      expect(cancelSignal.aborted).toBe(false)
      clock.advance(1)
      expect(cancelSignal).toMatchObject({ aborted: true, reason: { reason: 'deadline' } })
      expect(deadline).toMatchObject({ expiresAtMs: 6000, remainingMs: 0 })
    })
    expect(clock.pendingTimers).toBe(0)
  })

  test('is gone from when the response is: no timer stays behind', async () => {
    const clock = new ManualClock()
    await see({ clock, defaultDeadlineMs: 1000 }, {}, ({ cancelSignal }) => cancelSignal)
    await tick()
    expect(clock.pendingTimers).toBe(0)
  })

  test('may be given by one plugin and left to it by the others, in any order', async () => {
    const clock = new ManualClock()
    for (const order of [
      [{ clock }, {}],
      [{}, { clock }],
      [{ clock }, { clock }],
    ]) {
      const app = makeApp()
      for (const options of order) decorateRequests(app, { ...options, defaultDeadlineMs: 1000 })
      app.get('/', async ({ deadline }) => deadline!.expiresAtMs)
      expect((await app.inject('/')).json()).toBe(1000)
    }
  })

  test('is one for a scope; a child scope may have its own', async () => {
    const app = makeApp()
    const [clock, other] = [new ManualClock(), new ManualClock()]
    decorateRequests(app, { clock, defaultDeadlineMs: 1000 })
    expect(() => {
      decorateRequests(app, { clock: other })
    }).toThrow('Expected `clock` to be the same for all plugins of a scope, got an object')
    other.advance(500)
    await app.register(async (child) => {
      decorateRequests(child, { clock: other })
      child.get('/child', async ({ deadline }) => deadline!.expiresAtMs)
    })
    app.get('/', async ({ deadline }) => deadline!.expiresAtMs)
    expect((await app.inject('/child')).json()).toBe(1500)
    expect((await app.inject('/')).json()).toBe(1000)
  })
})

describe('what a stranger has said', () => {
  const clock = new ManualClock()

  test('stands apart in callOptions, and bounds deadline and signal', async () => {
    await see({ clock, defaultDeadlineMs: 1000 }, { headers: strangers }, (request) => {
      const { deadline, cancelSignal, callOptions } = request
      expect(callOptions).toMatchObject({ deadlineMs: 1000, callerDeadlineMs: 120 })
      expect(deadline!.remainingMs).toBe(120)
      clock.advance(120)
      expect(cancelSignal.reason).toMatchObject({
        code: 'SPW_ERR_DEADLINE',
        reason: callerDeadline,
      })
    })
  })

  test.each(['trust', 'ignore'] as const)('is not apart with %s', async (callerHeaders) => {
    const options = { clock, defaultDeadlineMs: 1000, callerHeaders }
    const times = await see(options, { headers: strangers }, (request) => remainingTime(request))
    const deadlineMs = callerHeaders === 'trust' ? 120 : 1000
    expect(times).toEqual({ deadlineMs, callerDeadlineMs: undefined })
  })

  test('is told apart again by the request’s signal', async () => {
    await see({ clock, defaultDeadlineMs: 1000 }, { headers: strangers }, (request) => {
      const { deadline, cancelSignal: signal } = request
      const both = { deadlineMs: 1000, callerDeadlineMs: 120 }
      const deadlineMs = deadline!.remainingMs
      expect(callDeadlines({ deadlineMs, signal })).toEqual(both)
      expect(callDeadlines(request.callOptions)).toEqual(both)
      clock.advance(20)
      // Read off a moment ago.
      expect(callDeadlines({ deadlineMs, signal })).toEqual({
        deadlineMs: 980,
        callerDeadlineMs: 100,
      })
      const own: RemainingTime = { deadlineMs: 50, callerDeadlineMs: undefined }
      expect(callDeadlines({ deadlineMs: 50, signal })).toEqual(own)
      expect(callDeadlines({ deadlineMs: 500, signal: new AbortController().signal })).toEqual({
        deadlineMs: 500,
        callerDeadlineMs: undefined,
      })
      expect(callDeadlines({ signal })).toEqual({
        deadlineMs: undefined,
        callerDeadlineMs: undefined,
      })
    })
  })

  test.each([['120', '120'], ['120', '5000'], ['-1'], ['0'], ['NaN'], ['1e9'], ['99999999999']])(
    'is nothing when it makes no sense: %j',
    async (...values) => {
      const headers = { 'x-envoy-expected-rq-timeout-ms': values }
      const times = await see({ clock }, { headers }, (request) => [
        request.deadline,
        request.callOptions.callerDeadlineMs,
      ])
      expect(times).toEqual([undefined, undefined])
    },
  )
})

describe('a request with a body', () => {
  interface Upload {
    readonly clock: ManualClock
    readonly body: PassThrough
    readonly request: FastifyRequest
  }

  /** A request whose headers are there, and whose body has begun. */
  async function begin(
    options: RequestOptions,
    headers = {},
    readsItself = false,
  ): Promise<Upload> {
    const clock = new ManualClock()
    const app = makeApp()
    let request: FastifyRequest | undefined
    if (readsItself) app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    decorateRequests(app, { clock, ...options }, (req, _reply, done) => {
      request = req
      done()
    })
    app.post('/', async (req) => {
      if (readsItself) (req.body as PassThrough).resume()
      await new Promise(() => {})
    })
    const body = new PassThrough()
    void app.inject({
      method: 'POST',
      url: '/',
      headers: {
        'content-type': readsItself ? 'video/mp4' : 'text/plain',
        'transfer-encoding': 'chunked',
        ...headers,
      },
      payload: body,
    })
    body.write('a')
    while (request === undefined) await tick()
    return { clock, body, request }
  }

  test.each([
    { title: 'that Fastify reads', readsItself: false },
    { title: 'that its handler reads', readsItself: true },
  ])('$title has its time when that is there', async ({ readsItself }) => {
    const own = { defaultDeadlineMs: 1000 }
    const { clock, body, request } = await begin(own, strangers, readsItself)
    const { cancelSignal, deadline } = request
    clock.advance(60_000)
    await tick()
    expect(deadline).toMatchObject({ remainingMs: 120, expiresAtMs: 60_120 })
    expect(request.callOptions).toMatchObject({ deadlineMs: 1000, callerDeadlineMs: 120 })
    expect(cancelSignal.aborted).toBe(false)
    body.end()
    while (!request.raw.readableEnded) await tick()
    clock.advance(100)
    expect(deadline).toMatchObject({ remainingMs: 20, expiresAtMs: 60_120 })
    clock.advance(19)
    expect(cancelSignal.aborted).toBe(false)
    clock.advance(1)
    expect(cancelSignal.reason).toMatchObject({ reason: callerDeadline })
  })

  test('leaves no timer behind when its client hangs up on the way', async () => {
    const { clock, request } = await begin({ defaultDeadlineMs: 1000 })
    expect(request.cancelSignal.aborted).toBe(false)
    expect(clock.pendingTimers).toBe(0)
  })

  test.each(['GET', 'HEAD'] as const)('counts at once where none is read: %s', async (method) => {
    const clock = new ManualClock()
    const app = makeApp()
    decorateRequests(app, { clock, defaultDeadlineMs: 1000 })
    let leftMs: number | undefined
    app.get('/', async ({ deadline }) => {
      clock.advance(400)
      leftMs = deadline!.remainingMs
    })
    await app.inject({ method, url: '/', payload: 'never read' })
    expect(leftMs).toBe(600)
  })
})

describe('a plugin that is not in force', () => {
  const day = 86_400_000

  /** What is left, in force and as it would be. */
  async function left(
    plugins: readonly (RequestOptions & Partial<RequestTerms>)[],
    headers = {},
  ): Promise<readonly [RemainingTime, RemainingTime]> {
    const app = makeApp()
    const clock = new ManualClock()
    for (const { isInForce, routeDeadlineMs, ...options } of plugins) {
      const terms = {
        ...(isInForce === undefined ? {} : { isInForce }),
        ...(routeDeadlineMs === undefined ? {} : { routeDeadlineMs }),
      }
      decorateRequests(app, { clock, ...options }, undefined, terms)
    }
    let seen!: readonly [RemainingTime, RemainingTime]
    app.get('/', async (request) => {
      seen = [remainingTime(request), remainingTime(request, true)]
    })
    await app.inject({ url: '/', headers })
    return seen
  }

  const off = { isInForce: () => false }

  test.each([
    { title: 'alone', plugins: [{ defaultDeadlineMs: 9, ...off }], own: undefined, observed: 9 },
    {
      title: 'beside one that is',
      plugins: [{ defaultDeadlineMs: 9, ...off }, { defaultDeadlineMs: 50 }],
      own: 50,
      observed: 9,
    },
    {
      title: 'with a route that loosens another’s default',
      plugins: [{ routeDeadlineMs: () => day, ...off }, { defaultDeadlineMs: 50 }],
      own: day,
      observed: day,
    },
    {
      title: 'with a route that would tighten it',
      plugins: [{ routeDeadlineMs: () => 9, ...off }, { defaultDeadlineMs: 50 }],
      own: 50,
      observed: 9,
    },
    {
      title: 'with a route that has none',
      plugins: [{ routeDeadlineMs: () => false as const, ...off }, { defaultDeadlineMs: 50 }],
      own: undefined,
      observed: undefined,
    },
    {
      title: 'with a route of its own, and nobody else',
      plugins: [{ routeDeadlineMs: () => 9, ...off }],
      own: undefined,
      observed: 9,
    },
  ])('brings no deadline: $title', async ({ plugins, own, observed }) => {
    const [inForce, asIf] = await left(plugins)
    expect(inForce.deadlineMs).toBe(own)
    expect(asIf.deadlineMs).toBe(observed)
  })

  test('hears no caller, unless another is', async () => {
    const [alone, asIf] = await left([off], strangers)
    expect(alone.callerDeadlineMs).toBeUndefined()
    expect(asIf.callerDeadlineMs).toBe(120)
    const [beside] = await left([off, {}], strangers)
    expect(beside.callerDeadlineMs).toBe(120)
    const [trusting] = await left([{ ...off, callerHeaders: 'trust' }], strangers)
    expect(trusting).toEqual({ deadlineMs: undefined, callerDeadlineMs: undefined })
  })
})
