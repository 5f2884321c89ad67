import { concurrencyLimit } from '@spillway/concurrency-limit'
import { createLoadShedder, priorities } from '@spillway/core'
import type { Priority } from '@spillway/core'
import { componentsOf } from '@spillway/plugin-kit'
import { badClocks, ManualClock } from '@spillway/test-support'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { LoadShedOptions } from '../src/index.ts'
import { loadReport, loadReportHeader, loadShed } from '../src/index.ts'

/** A pressure that the test sets. */
class Pressure {
  value = 0
  readonly clock = new ManualClock()
  readonly signal = (): number => this.value

  constructor() {
    Object.defineProperty(this.signal, 'name', { value: 'pressure' })
  }

  /** Long enough for the reading to count in full; between two turns of the event loop. */
  async set(value: number): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
    this.value = value
    for (let reading = 0; reading < 60; reading += 1) this.clock.advance(100)
  }
}

async function shedApp(options: LoadShedOptions = {}): Promise<[FastifyInstance, Pressure]> {
  const pressure = new Pressure()
  const app = Fastify()
  onTestFinished(async () => {
    await app.close()
    expect(pressure.clock.pendingTimers).toBe(0)
  })
  await app.register(loadShed, {
    signals: [pressure.signal],
    clock: pressure.clock,
    ...options,
  })
  app.get('/', async () => 'ok')
  for (const priority of priorities) {
    app.get(`/${priority}`, { config: { loadShed: { priority } } }, async () => 'ok')
  }
  return [app, pressure]
}

const status = async (app: FastifyInstance, url: string): Promise<number> =>
  (await app.inject(url)).statusCode

describe('the gate', () => {
  test('refuses the least important first, critical last', async () => {
    const [app, pressure] = await shedApp()
    const seen: string[] = []
    for (const value of [0, 0.47, 0.65, 0.83, 1]) {
      await pressure.set(value)
      const answers = await Promise.all(priorities.map((priority) => status(app, `/${priority}`)))
      seen.push(priorities.filter((_, index) => answers[index] === 200).join(' '))
    }
    expect(seen).toEqual([
      'critical high default low',
      'critical high default',
      'critical high',
      'critical',
      '',
    ])
  })

  test('refuses with 503, Retry-After and a code, before the body has been read', async () => {
    const [app, pressure] = await shedApp()
    let bodies = 0
    app.addHook('preParsing', async () => {
      bodies += 1
    })
    app.post('/', async () => 'ok')
    await pressure.set(1)
    const answer = await app.inject({ method: 'POST', url: '/', payload: 'x'.repeat(1000) })
    expect(answer.statusCode).toBe(503)
    expect(answer.headers['retry-after']).toMatch(/^[1-9]$/)
    expect(answer.headers['x-spillway-retry']).toBe('no')
    expect(answer.json()).toMatchObject({ code: 'SPW_ERR_OVERLOADED', statusCode: 503 })
    expect(bodies).toBe(0)
  })

  test('takes the priority of a route from its door, from the function, from the caller downwards', async () => {
    const priority = ({ url }: { url: string }): Priority | undefined =>
      url === '/said' ? 'critical' : undefined
    const [app, pressure] = await shedApp({ priority })
    app.get('/door', { config: { concurrencyLimit: { priority: 'critical' } } }, async () => 'ok')
    app.get('/said', async () => 'ok')
    app.get('/off', { config: { loadShed: false } }, async () => 'ok')
    await pressure.set(0.83)
    expect(await status(app, '/door')).toBe(200)
    expect(await status(app, '/said')).toBe(200)
    expect(await status(app, '/')).toBe(503)
    const headers = { 'x-request-priority': 'low' }
    expect((await app.inject({ url: '/critical', headers })).statusCode).toBe(503)
    await pressure.set(1)
    expect(await status(app, '/off')).toBe(200)
  })

  test('refuses HEAD and unknown paths as well', async () => {
    const [app, pressure] = await shedApp()
    await pressure.set(1)
    const head = await app.inject({ method: 'HEAD', url: '/' })
    expect([head.statusCode, head.body]).toEqual([503, ''])
    expect(await status(app, '/nowhere')).toBe(503)
  })

  test('comes before the door, which a refused request never reaches', async () => {
    const [app, pressure] = await shedApp()
    await app.register(concurrencyLimit)
    app.get('/later', async () => 'ok')
    expect(await status(app, '/later')).toBe(200)
    await pressure.set(1)
    expect(await status(app, '/later')).toBe(503)
    expect(app.limiters.default.stats().admitted.default).toBe(1)
  })

  test('is known to whoever collects numbers, until the application closes', async () => {
    const [app] = await shedApp()
    await app.ready()
    const [component] = componentsOf(app)
    expect(component?.kind).toBe('loadShedders')
    expect(component?.stats()).toMatchObject([{ name: 'process', mode: 'enforce' }])
    await app.close()
    expect(componentsOf(app).size).toBe(0)
  })

  test('observes, and changes its mind at run time', async () => {
    const [app, pressure] = await shedApp({ mode: 'observe' })
    await pressure.set(1)
    expect(await status(app, '/')).toBe(200)
    expect(app.loadShedder.stats().wouldHaveRefused.default).toBe(1)
    app.loadShedder.mode = 'enforce'
    expect(await status(app, '/')).toBe(503)
    app.loadShedder.mode = 'off'
    expect(await status(app, '/')).toBe(200)
  })
})

describe('health', () => {
  test('lives and is ready, whatever the pressure', async () => {
    const [app, pressure] = await shedApp({ health: true })
    await pressure.set(1)
    const [livez, readyz] = [await app.inject('/livez'), await app.inject('/readyz')]
    expect([livez.statusCode, livez.json()]).toEqual([200, { status: 'alive' }])
    expect([readyz.statusCode, readyz.json()]).toEqual([200, { status: 'ready' }])
    expect(readyz.headers['cache-control']).toBe('no-store')
    expect(app.loadShedder.stats().admitted.default).toBe(0)
  })

  test.each([
    ['says no', () => false],
    [
      'throws',
      () => {
        throw new Error('no database')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('no database'))],
    ['says something else', () => 'yes' as never],
  ])('is not ready while its check %s', async (_what, ready) => {
    const [app] = await shedApp({ health: { ready, readyz: '/up', livez: false } })
    const answer = await app.inject('/up')
    expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'not ready' }])
    expect(await status(app, '/livez')).toBe(404)
  })

  test('is not ready when its check does not come to an end', async () => {
    const ready = (): Promise<boolean> => new Promise(() => {})
    const [app, pressure] = await shedApp({ health: { ready, readyTimeoutMs: 200 } })
    const answer = app.inject('/readyz')
    await app.ready()
    // The check is asked in a later turn of the event loop.
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate)
    pressure.clock.advance(200)
    expect((await answer).statusCode).toBe(503)
  })
})

describe('the load report', () => {
  test('is an ORCA report in JSON, in the header of every answer that asks for it', async () => {
    const [app, pressure] = await shedApp({ loadHeader: true })
    await pressure.set(0.25)
    const { headers } = await app.inject('/')
    const [format, json] = String(headers[loadReportHeader]).split(/ (.*)/)
    expect(format).toBe('JSON')
    expect(JSON.parse(json!)).toEqual({
      application_utilization: 0.25,
      named_metrics: { runQueue: 0, pressure: 0.25 },
    })
  })

  test('is not there by default', async () => {
    const [app] = await shedApp()
    expect((await app.inject('/')).headers[loadReportHeader]).toBeUndefined()
  })

  test('can be made of any shedder', () => {
    const shedder = createLoadShedder({ signals: [], clock: new ManualClock() })
    expect(loadReport(shedder)).toBe(
      'JSON {"application_utilization":0,"named_metrics":{"runQueue":0}}',
    )
    shedder.close()
  })
})

describe('wrong options fail at registration', () => {
  test.each([
    [{ signal: [] }, 'Unknown option `options.signal`'],
    [{ signals: ['cpu'] }, 'Expected `signals[0]` to be a signal'],
    [{ health: 'yes' }, 'Expected `health` to be true, false or an object of options, got "yes"'],
    [{ health: { livez: 'livez' } }, "Expected `health.livez` to be a path that begins with '/'"],
    [{ health: { path: '/' } }, 'Unknown option `health.path`'],
    [{ health: { ready: true } }, 'Expected `health.ready` to be a function, got true (boolean)'],
    [{ loadHeader: 'text' }, 'Expected `loadHeader` to be true or false, got "text" (string)'],
    [{ mode: 'shadow' }, "Expected `mode` to be one of 'off', 'observe', 'enforce'"],
    [{ priority: 'low' }, 'Expected `priority` to be a function, got "low" (string)'],
    [{ statusCode: 200 }, 'Expected `statusCode` to be an integer from 400 to 599'],
  ])('%j', async (options, message) => {
    const app = Fastify()
    await expect(app.register(loadShed, options as LoadShedOptions)).rejects.toThrow(message)
    await app.close().catch(() => {})
  })

  test.each(badClocks)('a clock that is none: $what', async ({ clock }) => {
    const app = Fastify()
    await expect(app.register(loadShed, { clock })).rejects.toThrow('Expected `clock` to be ')
    await app.close().catch(() => {})
  })

  test('routes, with their name', async () => {
    const [app] = await shedApp()
    expect(() =>
      app.get('/x', { config: { loadShed: { priority: 'vip' as never } } }, () => 1),
    ).toThrow('GET /x: Expected `loadShed.priority` to be one of')
    expect(() => app.get('/x', { config: { loadShed: null as never } }, () => 1)).toThrow(
      'GET /x: Expected `loadShed` to be an object, got null',
    )
  })

  test('twice, or after the door', async () => {
    const [app] = await shedApp()
    await expect(app.register(loadShed)).rejects.toThrow(
      'loadShed is registered for this scope already',
    )
    const other = Fastify()
    await other.register(concurrencyLimit)
    await expect(other.register(loadShed)).rejects.toThrow(
      'Register loadShed before concurrencyLimit',
    )
    await other.close().catch(() => {})
  })
})
