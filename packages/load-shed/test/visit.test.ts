import { AsyncLocalStorage } from 'node:async_hooks'
import type { Priority } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadShed } from '../src/index.ts'

const context = new AsyncLocalStorage<string>()

interface Ran {
  readonly url: string
  readonly context: string | undefined
}

/** Handlers keep the only thread for longer than a slice of time. */
async function busyApp(): Promise<[FastifyInstance, Ran[]]> {
  const app = Fastify()
  onTestFinished(async () => {
    await app.close()
  })
  const ran: Ran[] = []
  app.addHook('onRequest', (request, _reply, done) => {
    context.run(request.url, done)
  })
  await app.register(loadShed)
  for (const priority of ['critical', 'default', 'low'] as const) {
    app.get(`/${priority}/:name`, { config: { loadShed: { priority } } }, async (request) => {
      ran.push({ url: request.url, context: context.getStore() })
      const end = performance.now() + 15
      while (performance.now() < end);
      return 'ok'
    })
  }
  await app.ready()
  return [app, ran]
}

const url = (priority: Priority, name: number): string => `/${priority}/${name}`

test('who waits for the processor runs by priority, each in a context of its own', async () => {
  const [app, ran] = await busyApp()
  const urls = [url('default', 0), url('low', 1), url('default', 2), url('critical', 3)]
  const answers = await Promise.all(urls.map((one) => app.inject(one)))
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200])
  expect(ran.map((one) => one.url)).toEqual([urls[0], urls[3], urls[2], urls[1]])
  for (const one of ran) expect(one.context).toBe(one.url)
  expect(app.loadShedder.stats().runQueue.admitted).toMatchObject({ critical: 1, low: 1 })
})

test('who would wait in vain is refused at once, as overloaded', async () => {
  const [app, ran] = await busyApp()
  // By now it is known how long a handler takes.
  await Promise.all([0, 1, 2, 3].map((name) => app.inject(url('default', name))))
  const before = ran.length
  const headers = { 'x-envoy-expected-rq-timeout-ms': '400' }
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, name) => app.inject({ url: url('low', name), headers })),
  )
  const refused = answers.filter(({ statusCode }) => statusCode === 503)
  expect(refused.length).toBe(100 - (ran.length - before))
  // A hundred times fifteen milliseconds is far more than four hundred. Some may wait, and see.
  const codes = refused.map((answer) => answer.json<{ code: string }>().code)
  expect(codes).toContain('SPW_ERR_OVERLOADED')
  expect(codes).not.toContain('SPW_ERR_LIMIT_EXCEEDED')
  for (const { headers: sent } of refused) expect(sent['retry-after']).toMatch(/^[1-9]\d*$/)
})

test('who waits is run when the application closes', async () => {
  const [app] = await busyApp()
  const answers = [0, 1, 2].map((name) => app.inject(url('default', name)))
  await new Promise(process.nextTick)
  app.loadShedder.close()
  for (const answer of answers) expect((await answer).statusCode).toBe(200)
})

test.each([
  ['tighten', { deadlineMs: undefined, callerDeadlineMs: 120 }],
  ['trust', { deadlineMs: 120, callerDeadlineMs: undefined }],
] as const)('a caller that is to be met with %s waits by its own number', async (trust, waits) => {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(loadShed, { callerHeaders: trust, clock: new ManualClock() })
  app.get('/', async () => 'ok')
  vi.spyOn(app.loadShedder, 'mayRun').mockReturnValue(false)
  const enter = vi.spyOn(app.loadShedder, 'enter').mockImplementation((_options, request) => {
    request.run()
    return undefined
  })
  const headers = { 'x-envoy-expected-rq-timeout-ms': '120' }
  expect((await app.inject({ url: '/', headers })).statusCode).toBe(200)
  expect(enter.mock.calls[0]![0]).toMatchObject(waits)
})
