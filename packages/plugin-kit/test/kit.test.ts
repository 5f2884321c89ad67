import { setTimeout as sleep } from 'node:timers/promises'
import { errorTable } from '@spillway/core'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  addComponent,
  componentsOf,
  createRejection,
  decorateRequests,
  onResponseSettled,
  remainingMs,
  retryAfterSeconds,
  routeSettings,
} from '../src/index.ts'

function makeApp(): FastifyInstance {
  const app = Fastify()
  onTestFinished(async () => {
    await app.close()
  })
  return app
}

describe('retryAfterSeconds', () => {
  test.each([
    { backlogMs: 0, random: 0, seconds: 1 },
    { backlogMs: 0, random: 0.99, seconds: 2 },
    { backlogMs: 4200, random: 0, seconds: 5 },
    { backlogMs: 4200, random: 0.999, seconds: 10 },
    { backlogMs: 86_400_000, random: 0, seconds: 60 },
    { backlogMs: Infinity, random: 0.999, seconds: 120 },
  ])('$backlogMs ms of backlog, $random: $seconds', ({ backlogMs, random, seconds }) => {
    expect(retryAfterSeconds(backlogMs, random)).toBe(seconds)
  })
})

describe('createRejection', () => {
  test.each(Object.keys(errorTable) as (keyof typeof errorTable)[])(
    'answers %s in Fastify’s own error shape',
    async (code) => {
      const app = makeApp()
      const rejection = createRejection({ random: () => 0 })
      app.get('/', (_request, reply) => {
        rejection.send(reply, { code, retryAfterMs: 1500 })
      })
      const response = await app.inject('/')
      expect(response.json()).toEqual({
        statusCode: 503,
        code,
        error: 'Service Unavailable',
        message: errorTable[code].message,
      })
      expect(response.headers['retry-after']).toBe('2')
    },
  )

  test('closes the connection of a refused upgrade, and survives inject', async () => {
    const app = makeApp()
    const rejection = createRejection()
    app.get('/', (_request, reply) => {
      rejection.send(reply, { code: 'SPW_ERR_LIMIT_EXCEEDED', retryAfterMs: 0 })
    })
    const response = await app.inject({ url: '/', headers: { upgrade: 'websocket' } })
    expect(response.headers.connection).toBe('close')
  })

  test('refuses a status that is no error', () => {
    expect(() => createRejection({ statusCode: 302 })).toThrow('from 400 to 599, got 302')
  })
})

describe('request.deadline', () => {
  async function deadlineOf(
    prepare: (app: FastifyInstance) => void,
    options: object = {},
    handlerTimeout?: number,
  ): Promise<number | undefined> {
    const app = Fastify(options)
    onTestFinished(async () => {
      await app.close()
    })
    prepare(app)
    let left: number | undefined
    const route = handlerTimeout === undefined ? {} : { handlerTimeout }
    app.get('/', route, async (request) => {
      left = request.deadline?.remainingMs
      expect(remainingMs(request) === undefined).toBe(left === undefined)
    })
    await app.inject('/')
    return left
  }

  test('is undefined when nothing bounds the request', async () => {
    expect(await deadlineOf(decorateRequests)).toBeUndefined()
  })

  test('is what the default leaves', async () => {
    const left = await deadlineOf((app) => {
      decorateRequests(app, { defaultDeadlineMs: 5000 })
    })
    expect(left).toBeGreaterThan(3000)
    expect(left).toBeLessThanOrEqual(5000)
  })

  test('is the handlerTimeout of the server, or rather that of the route', async () => {
    const ofServer = await deadlineOf(decorateRequests, { handlerTimeout: 9000 })
    expect(ofServer).toBeGreaterThan(7000)
    const ofRoute = await deadlineOf(decorateRequests, { handlerTimeout: 9000 }, 4000)
    expect(ofRoute).toBeLessThanOrEqual(4000)
  })

  test('is the tightest default of several plugins', async () => {
    const left = await deadlineOf((app) => {
      decorateRequests(app, { defaultDeadlineMs: 2000 })
      decorateRequests(app)
      decorateRequests(app, { defaultDeadlineMs: 5000 })
    })
    expect(left).toBeLessThanOrEqual(2000)
  })

  test('gets less', async () => {
    const app = makeApp()
    decorateRequests(app, { defaultDeadlineMs: 20 })
    app.get('/', async (request) => {
      const { deadline } = request
      await sleep(30)
      return deadline!.remainingMs < 0
    })
    expect((await app.inject('/')).json()).toBe(true)
  })
})

describe('decorateRequests', () => {
  test('may be called by several plugins, in a scope and its children', async () => {
    const app = makeApp()
    decorateRequests(app)
    decorateRequests(app)
    await app.register(async (child) => {
      decorateRequests(child, { defaultDeadlineMs: 1000 })
      child.get('/', async (request) => {
        request.priority = 'high'
        return [request.priority, request.deadline !== undefined]
      })
    })
    app.get('/plain', async (request) => [request.priority, request.deadline !== undefined])
    expect((await app.inject('/')).json()).toEqual(['high', true])
    expect((await app.inject('/plain')).json()).toEqual(['default', false])
  })

  test('says so when somebody else owns the name', () => {
    const app = makeApp()
    app.decorateRequest('priority', 'high')
    expect(() => {
      decorateRequests(app)
    }).toThrow(/priority.*already/)
  })

  test('gives a signal that is the same each time, and none is made unless asked for', async () => {
    const app = makeApp()
    decorateRequests(app, { defaultDeadlineMs: 10_000 })
    const signals: AbortSignal[] = []
    app.get('/', async (request) => {
      signals.push(request.cancelSignal, request.cancelSignal)
    })
    await app.inject('/')
    await sleep(20)
    expect(signals[0]).toBe(signals[1])
    expect(signals[0]!.aborted).toBe(false)
  })

  test('the signal has aborted already when it is asked for after the deadline', async () => {
    const app = makeApp()
    decorateRequests(app, { defaultDeadlineMs: 10 })
    app.get('/', async (request) => {
      await sleep(30)
      const { aborted, reason } = request.cancelSignal
      return { aborted, code: (reason as { code: string }).code }
    })
    expect((await app.inject('/')).json()).toEqual({ aborted: true, code: 'SPW_ERR_DEADLINE' })
  })

  test('the signal aborts at the deadline with an error that is answered with 503', async () => {
    const app = makeApp()
    decorateRequests(app, { defaultDeadlineMs: 20 })
    app.get('/', async ({ cancelSignal }) => {
      await new Promise((_resolve, reject) => {
        cancelSignal.addEventListener('abort', () => {
          reject(cancelSignal.reason as Error)
        })
      })
    })
    const response = await app.inject('/')
    expect(response).toMatchObject({ statusCode: 503 })
    expect(response.json()).toMatchObject({ code: 'SPW_ERR_DEADLINE' })
  })
})

describe('onResponseSettled', () => {
  test('tells every listener once, those that come too late at once', async () => {
    const app = makeApp()
    const told: string[] = []
    const listener = (name: string) => ({
      responseSettled: () => {
        told.push(name)
      },
    })
    app.get('/', async (_request, reply) => {
      for (const name of ['a', 'b', 'c']) onResponseSettled(reply, listener(name))
      reply.raw.on('close', () => {
        onResponseSettled(reply, listener('late'))
      })
      return 'ok'
    })
    await app.inject('/')
    await sleep(5)
    expect(told).toEqual(['a', 'b', 'c', 'late'])
  })
})

describe('routeSettings', () => {
  test('parses at registration, and for requests once a route', async () => {
    const app = makeApp()
    const parsed: unknown[] = []
    const settingsOf = routeSettings(app, 'thing', (config, route) => {
      parsed.push([config, route])
      return { config }
    })
    app.get('/:id', { config: { thing: 1 } as never, exposeHeadRoute: false }, async (request) => {
      return settingsOf(request)
    })
    const atStart = parsed.length
    expect((await app.inject('/1')).json()).toEqual({ config: 1 })
    expect((await app.inject('/2')).json()).toEqual({ config: 1 })
    expect(parsed.slice(0, atStart)).toMatchObject([[1, { url: '/:id', method: 'GET' }]])
    expect(parsed).toHaveLength(atStart + 1)
  })

  test('works for routes that were there before it', async () => {
    const app = makeApp()
    app.get('/', { config: { thing: 2 } as never }, async (request) => settingsOf(request))
    const settingsOf = routeSettings(app, 'thing', (config) => ({ config }))
    expect((await app.inject('/')).json()).toEqual({ config: 2 })
  })
})

describe('components', () => {
  test('are found from any scope of their application, and gone when it has closed', async () => {
    const [app, other] = [Fastify(), makeApp()]
    const component = { kind: 'limiters', stats: () => [{ name: 'default' }] }
    await app.register(async (child) => {
      addComponent(child, component)
    })
    expect([...componentsOf(app)]).toEqual([component])
    expect([...componentsOf(other)]).toEqual([])
    await app.close()
    expect([...componentsOf(app)]).toEqual([])
  })
})
