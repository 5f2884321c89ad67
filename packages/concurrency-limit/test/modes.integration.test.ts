import { fixedLimit } from '@spillway/core'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import type { ConcurrencyLimitOptions, DoorStats } from '../src/index.ts'
import { connectMany, Gate, limitedApp, listen, until, untilIdle } from './serve.ts'

function stats(app: FastifyInstance): DoorStats {
  return app.limiters.stats()[0]!
}

const get = { method: 'GET' }

/** A route that holds its requests until the gate opens, behind a limit of two and no queue. */
async function slowApp(gate: Gate): Promise<[FastifyInstance, number]> {
  const app = await limitedApp({ limit: fixedLimit(2), queue: { maxSize: 0 }, mode: 'observe' })
  app.get('/', async () => gate.pass().then(() => 'ok'))
  return [app, await listen(app)]
}

describe('a door that observes', () => {
  test('lets everybody in over real sockets, counts, and refuses as soon as it is told to', async () => {
    const gate = new Gate()
    const [app, port] = await slowApp(gate)
    const clients = await connectMany(port, 6)
    await Promise.all(clients.map((client) => client.send(get)))
    await until('all are inside', () => gate.entered === 6)
    expect(stats(app)).toMatchObject({ inFlight: 6, mode: 'observe' })
    expect(stats(app).wouldHaveRefused.default.limit).toBe(4)
    expect(stats(app).refused.default.limit).toBe(0)

    app.limiters.default.mode = 'enforce'
    const refused = await fetch(`http://127.0.0.1:${port}/`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)

    app.limiters.setMode('off')
    const late = fetch(`http://127.0.0.1:${port}/`)
    await until('one more is inside', () => gate.entered === 7)
    gate.open()
    for (const client of clients) expect((await client.response()).statusCode).toBe(200)
    expect((await late).status).toBe(200)
    await untilIdle(app)
    expect(stats(app).refused.default.limit).toBe(1)
    expect(stats(app).wouldHaveRefused.default.limit).toBe(4)
  })

  test('gets every permit back when its clients hang up', async () => {
    const [app, port] = await slowApp(new Gate())
    const clients = await connectMany(port, 20)
    await Promise.all(clients.map((client) => client.send(get)))
    await until('all are inside', () => app.limiters.default.inFlight === 20)
    for (const client of clients) client.hangUp()
    await untilIdle(app)
    expect(stats(app).mode).toBe('observe')
  })
})

describe('what the application says wrongly of a request', () => {
  const throws = (): never => {
    throw new TypeError('no user yet')
  }
  const mistakes: [string, ConcurrencyLimitOptions][] = [
    ['a priority that is none', { priority: () => 'urgent' as never }],
    ['an error instead of a priority', { priority: throws }],
    ['an error instead of a partition', { partition: throws }],
  ]

  test.each(mistakes)('%s: an error while the door enforces', async (_what, options) => {
    const app = await limitedApp(options)
    app.get('/', async () => 'ok')
    expect((await app.inject('/')).statusCode).toBe(500)
    expect(stats(app).inFlight).toBe(0)
  })

  test.each(mistakes)('%s: told once while it does not, and nobody notices', async (_, options) => {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const app = await limitedApp({ ...options, mode: 'off' }, { logger: { level: 'warn', stream } })
    app.get('/', async ({ priority }) => priority)
    for (const mode of ['off', 'observe'] as const) {
      app.limiters.setMode(mode)
      expect((await app.inject('/')).body).toBe('default')
    }
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('priority or partition of a request is wrong')
  })
})

describe('options', () => {
  test('the mode of the default limiter is that of all who name none', async () => {
    const app = await limitedApp({
      mode: 'observe',
      limiters: { reports: {}, login: { mode: 'enforce' } },
    })
    expect(app.limiters.stats().map(({ mode }) => mode)).toEqual(['observe', 'observe', 'enforce'])
  })

  test('what is no mode is said, with the limiter that it was said of', async () => {
    await expect(limitedApp({ mode: 'on' as never })).rejects.toThrow(
      `Expected \`mode\` to be one of 'off', 'observe', 'enforce', got "on" (string)`,
    )
    await expect(limitedApp({ limiters: { reports: { mode: 1 as never } } })).rejects.toThrow(
      'limiters.reports: Expected `mode`',
    )
    const app = await limitedApp()
    expect(() => {
      app.limiters.setMode('shadow' as never)
    }).toThrow('Expected `mode`')
    expect(stats(app).mode).toBe('enforce')
  })
})
