import type { Guard } from '@spillway/guard'
import { guard } from '@spillway/guard'
import { fixedLimit } from '@spillway/core'
import type { HangUpClient, RawRequest } from '@spillway/test-support'
import { ManualClock } from '@spillway/test-support'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { ConcurrencyLimitOptions, DoorStats } from '../src/index.ts'
import { connectOne, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

/** An application on real sockets whose time stands still until the test moves it. */
async function appWith(
  options: ConcurrencyLimitOptions = {},
  ofGuard: object = {},
): Promise<{ app: FastifyInstance; clock: ManualClock; db: Guard }> {
  const clock = new ManualClock()
  const app = await limitedApp({ clock, limit: fixedLimit(100), ...options })
  await app.register(guard)
  return { app, clock, db: app.guards.define('db', { clock, ...ofGuard }) }
}

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

const impatient = { 'x-envoy-expected-rq-timeout-ms': '120' }
const upload: RawRequest = {
  method: 'POST',
  headers: { 'content-type': 'text/plain' },
  body: 'x'.repeat(2000),
}

/** Takes as long as it takes, unless its signal aborts. */
function work(clock: ManualClock, ms: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => {
      resolve('rows')
    }, ms)
    signal.addEventListener('abort', () => {
      clock.clearTimer(timer)
      reject(signal.reason as Error)
    })
  })
}

describe('a stream of events', () => {
  test.each([
    { title: 'that is not limited', config: false },
    { title: 'without a deadline', config: { deadlineMs: false } },
  ] as const)('$title goes on, whatever the defaults of plugins are', async ({ config }) => {
    const clock = new ManualClock()
    const app = await limitedApp({ clock, defaultDeadlineMs: 1000 })
    await app.register(guard, { defaultDeadlineMs: 800 })
    const signals: AbortSignal[] = []
    const stream = (request: FastifyRequest, reply: FastifyReply): void => {
      signals.push(request.cancelSignal)
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
      reply.raw.write('data: first\n\n')
    }
    app.get('/events', { config: { concurrencyLimit: config } }, stream)
    app.get('/cut', stream)
    const port = await listen(app)
    for (const path of ['/events', '/cut']) {
      const client = await connectOne(port)
      await client.send({ path })
      await client.seen('data: first')
    }
    clock.advance(3_600_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true])
  })

  test('ends its work when its client hangs up', async () => {
    const { app } = await appWith({ defaultDeadlineMs: 1000 })
    let signal!: AbortSignal
    app.get('/', { config: { concurrencyLimit: false } }, (request, reply) => {
      signal = request.cancelSignal
      reply.hijack()
      reply.raw.write('data: first\n\n')
    })
    const client = await connectOne(await listen(app))
    await client.send()
    await client.seen('data: first')
    client.hangUp()
    await until('the signal aborts', () => signal.aborted)
    expect(signal.reason).toMatchObject({ code: 'SPW_ERR_CANCELLED' })
  })
})

describe('the deadline of a route', () => {
  test('comes in place of the default, longer or shorter', async () => {
    const { app } = await appWith({ defaultDeadlineMs: 1000 })
    const show = async ({ deadline }: FastifyRequest): Promise<object> => ({
      leftMs: deadline?.remainingMs ?? null,
    })
    app.get('/plain', show)
    app.get('/report', { config: { concurrencyLimit: { deadlineMs: 60_000 } } }, show)
    app.get('/quick', { config: { concurrencyLimit: { deadlineMs: 50 } } }, show)
    app.get('/none', { config: { concurrencyLimit: { deadlineMs: false } } }, show)
    const bounded = { concurrencyLimit: { deadlineMs: 60_000 } }
    app.get('/bounded', { handlerTimeout: 5000, config: bounded }, show)
    const leftMs = async (url: string): Promise<unknown> => (await app.inject(url)).json().leftMs
    expect(await leftMs('/plain')).toBe(1000)
    expect(await leftMs('/report')).toBe(60_000)
    expect(await leftMs('/quick')).toBe(50)
    expect(await leftMs('/none')).toBeNull()
    expect(await leftMs('/bounded')).toBe(5000)
    expect(await leftMs('/nowhere')).toBeUndefined()
  })

  test.each([0, -1, true, '1000', null, Number.NaN, Infinity, 2 ** 31])(
    'that is %j fails when the route is added',
    async (deadlineMs) => {
      const { app } = await appWith()
      const config = { concurrencyLimit: { deadlineMs: deadlineMs as never } }
      expect(() => app.get('/report', { config }, async () => 'ok')).toThrow(
        /^GET \/report: Expected `concurrencyLimit\.deadlineMs` to be a number of milliseconds of at least 1, or false, got /,
      )
    },
  )
})

describe('an upload', () => {
  /** An upload that has begun a minute ago, and what its signal says by now. */
  async function slowUpload(
    answer: (request: FastifyRequest, made: Awaited<ReturnType<typeof appWith>>) => unknown,
  ): Promise<Awaited<ReturnType<typeof appWith>> & { client: HangUpClient; signal: AbortSignal }> {
    const made = await appWith({ defaultDeadlineMs: 1000 })
    const { app, clock } = made
    const signals: AbortSignal[] = []
    app.addHook('onRequest', async ({ cancelSignal }) => {
      signals.push(cancelSignal)
    })
    app.post('/', async (request) => answer(request, made))
    const client = await connectOne(await listen(app))
    await client.send(upload, 1000)
    await until('it has begun', () => signals.length === 1)
    clock.advance(60_000)
    expect(signals[0]!.aborted).toBe(false)
    client.socket.write('x'.repeat(1000))
    return { ...made, client, signal: signals[0]! }
  }

  test('may take its time: that of the request begins when it is there', async () => {
    const { client } = await slowUpload(async ({ callOptions }, { db }) => {
      await db.run(async () => 'stored', callOptions)
      return { deadlineMs: callOptions.deadlineMs }
    })
    const response = await client.response()
    expect(response).toMatchObject({ statusCode: 200, body: '{"deadlineMs":1000}' })
  })

  test('has its deadline from then on, also for a signal that was made before', async () => {
    const { client, clock, db, signal, app } = await slowUpload((request, made) =>
      made.db.run((own) => work(made.clock, 5000, own), request.callOptions),
    )
    await until('the call runs', () => db.stats().running === 1)
    clock.advance(1000)
    expect((await client.response()).statusCode).toBe(504)
    expect(signal.reason).toMatchObject({ reason: 'deadline' })
    await untilIdle(app)
  })

  test('is cut at handlerTimeout by Fastify itself, whose timer begins with the headers', async () => {
    const app = await limitedApp()
    app.post('/', { handlerTimeout: 60 }, async () => 'stored')
    const client = await connectOne(await listen(app))
    await client.send(upload, 1000)
    const response = await client.response()
    expect(response.statusCode).toBe(503)
    expect(JSON.parse(response.body)).toMatchObject({ code: 'FST_ERR_HANDLER_TIMEOUT' })
    await untilIdle(app)
  })
})

describe.each([
  { door: 'observe', ofGuard: 'observe' },
  { door: 'off', ofGuard: 'off' },
  { door: 'observe', ofGuard: 'enforce' },
  { door: 'off', ofGuard: 'enforce' },
] as const)('a door in mode $door before a guard in mode $ofGuard', ({ door, ofGuard }) => {
  const headers = ofGuard === 'enforce' ? {} : impatient

  test('cuts nobody, and counts who would have been late', async () => {
    const { app, clock, db } = await appWith(
      { defaultDeadlineMs: 1000, mode: door },
      { mode: ofGuard },
    )
    const signals: AbortSignal[] = []
    app.get('/guarded', async (request) =>
      db.run((signal) => work(clock, 1500, signal), request.callOptions),
    )
    app.get('/wired', async ({ deadline, priority, cancelSignal: signal }) =>
      db.run((own) => work(clock, 1500, own), {
        priority,
        signal,
        ...(deadline === undefined ? {} : { deadlineMs: deadline.remainingMs }),
      }),
    )
    app.get('/direct', { config: { concurrencyLimit: { deadlineMs: 500 } } }, async (request) => {
      signals.push(request.cancelSignal)
      return work(clock, 1500, request.cancelSignal)
    })
    const port = await listen(app)
    const paths = ['/guarded', '/wired', '/direct']
    const clients = await Promise.all(
      paths.map(async (path) => {
        const client = await connectOne(port)
        await client.send({ path, headers })
        return client
      }),
    )
    await until('all are at work', () => signals.length === 1 && db.stats().running === 2)
    clock.advance(1500)
    for (const client of clients) {
      expect(await client.response()).toMatchObject({ statusCode: 200, body: 'rows' })
    }
    expect(signals[0]!.aborted).toBe(false)
    await untilIdle(app)
    expect(stats(app)).toMatchObject({ late: 0, wouldHaveTimedOut: door === 'observe' ? 3 : 0 })
  })

  test('cuts who comes after it has begun to enforce, and nobody who came before', async () => {
    const { app, clock } = await appWith({ defaultDeadlineMs: 1000, mode: door })
    const gate = new Gate()
    app.get('/', async ({ cancelSignal }) => {
      gate.entered += 1
      return work(clock, 1500, cancelSignal)
    })
    const port = await listen(app)
    const [before, after] = [await connectOne(port), await connectOne(port)]
    await before.send()
    await until('one is inside', () => gate.entered === 1)
    app.limiters.setMode('enforce')
    await after.send()
    await until('two are', () => gate.entered === 2)
    app.limiters.setMode(door)
    clock.advance(1500)
    expect((await before.response()).statusCode).toBe(200)
    expect((await after.response()).statusCode).toBe(503)
  })
})

describe('a stranger’s deadline at the door', () => {
  const ways: Record<
    string,
    (
      clock: ManualClock,
      db: Guard,
      request: FastifyRequest,
      reply: FastifyReply,
    ) => Promise<unknown>
  > = {
    'thrown on': (clock, _db, { cancelSignal }) => work(clock, 300, cancelSignal),
    'kept by a guard': (clock, db, { callOptions }) =>
      db.run((signal) => work(clock, 300, signal), callOptions),
    'kept by a guard, wired by hand': (clock, db, { deadline, cancelSignal: signal }) =>
      db.run((own) => work(clock, 300, own), { deadlineMs: deadline!.remainingMs, signal }),
    'answered with 504 by the handler': async (clock, _db, { cancelSignal }, reply) =>
      work(clock, 300, cancelSignal).catch(() => reply.code(504).send('late')),
    'wrapped in an error with status 504': async (clock, _db, { cancelSignal }) =>
      work(clock, 300, cancelSignal).catch((cause: unknown) => {
        throw Object.assign(new Error('late', { cause }), { statusCode: 504 })
      }),
    'not heard at all': (clock) => work(clock, 300, new AbortController().signal),
  }

  test.each(Object.keys(ways))('%s, is evidence for nobody', async (name) => {
    const { app, clock, db } = await appWith({ defaultDeadlineMs: 1000 })
    let entered = 0
    app.get('/', async (request, reply) => {
      entered += 1
      return ways[name]!(clock, db, request, reply)
    })
    const client = await connectOne(await listen(app))
    await client.send({ headers: impatient })
    await until('it is inside', () => entered === 1)
    clock.advance(300)
    const { statusCode } = await client.response()
    expect(statusCode === 200).toBe(name === 'not heard at all')
    await untilIdle(app)
    await until('the work has ended', () => db.stats().running === 0)
    expect(stats(app).released.dropped).toBe(0)
    expect(db.stats()).toMatchObject({ released: { dropped: 0 }, breaker: { failures: 0 } })
  })

  test.each(Object.keys(ways).filter((name) => name !== 'not heard at all'))(
    'is told from the service’s own, %s',
    async (name) => {
      const { app, clock, db } = await appWith({ defaultDeadlineMs: 120 })
      let entered = 0
      app.get('/', async (request, reply) => {
        entered += 1
        return ways[name]!(clock, db, request, reply)
      })
      const client = await connectOne(await listen(app))
      await client.send({ headers: { 'x-envoy-expected-rq-timeout-ms': '200' } })
      await until('it is inside', () => entered === 1)
      clock.advance(300)
      await client.response()
      await untilIdle(app)
      expect(stats(app).released.dropped).toBe(1)
    },
  )
})
