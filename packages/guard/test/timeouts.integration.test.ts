import { setTimeout as sleep } from 'node:timers/promises'
import { createBreaker } from '@spillway/circuit-breaker'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { guardedFetch } from '../src/fetch/index.ts'
import { createGuard } from '../src/index.ts'
import type { TestServer } from './serve-http.ts'
import { serveHttp } from './serve-http.ts'

let server: TestServer
let hanging: (() => void)[] | undefined

beforeEach(async () => {
  hanging = undefined
  server = await serveHttp((_request, response) => {
    if (hanging === undefined) response.end('ok')
    else hanging.push(() => response.end('ok'))
  })
})

afterEach(() => server.stop())

const patienceMs = 150
const timeout = (): AbortSignal => AbortSignal.timeout(patienceMs)
const merged = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, timeout()])
const text = async (signal?: AbortSignal): Promise<string> =>
  (await fetch(server.base, signal === undefined ? {} : { signal })).text()

interface Way {
  ask(): Promise<unknown>
  state(): string | undefined
}

const ofGuard = (ask: (guard: ReturnType<typeof createGuard>) => Promise<unknown>): Way => {
  const guard = createGuard({ name: 'api' })
  return { ask: () => ask(guard), state: () => guard.breaker?.state }
}
const ofBreaker = (ask: (breaker: ReturnType<typeof createBreaker>) => Promise<unknown>): Way => {
  const breaker = createBreaker({ name: 'api' })
  return { ask: () => ask(breaker), state: () => breaker.state }
}

const ways: [string, () => Way][] = [
  ['a guard: deadlineMs', () => ofGuard((api) => api.run(text, { deadlineMs: patienceMs }))],
  ['a guard: AbortSignal.timeout()', () => ofGuard((api) => api.run(text, { signal: timeout() }))],
  [
    'a guard: AbortSignal.any()',
    () => ofGuard((api) => api.run(text, { signal: merged(new AbortController().signal) })),
  ],
  ['a guard: a timeout within', () => ofGuard((api) => api.run(() => text(timeout())))],
  ['a guard: merged within', () => ofGuard((api) => api.run((signal) => text(merged(signal))))],
  [
    'guardedFetch: AbortSignal.timeout()',
    () =>
      ofGuard(async (api) => (await guardedFetch(api)(server.base, { signal: timeout() })).text()),
  ],
  ['a breaker: deadlineMs', () => ofBreaker((api) => api.run(text, { deadlineMs: patienceMs }))],
  [
    'a breaker: AbortSignal.timeout()',
    () => ofBreaker((api) => api.run(text, { signal: timeout() })),
  ],
  ['a breaker: a timeout within', () => ofBreaker((api) => api.run(() => text(timeout())))],
]

/** Ten callers, until it is so; what it takes is not measured, it only has to happen. */
async function askUntil({ ask }: Way, isSo: () => boolean): Promise<unknown[]> {
  const errors: unknown[] = []
  const givenUpAt = performance.now() + 10_000
  const caller = async (): Promise<void> => {
    while (!isSo()) {
      if (performance.now() > givenUpAt) throw new Error('It has not happened within ten seconds')
      await ask().catch((error: unknown) => errors.push(error))
      await sleep(10)
    }
  }
  await Promise.all(Array.from({ length: 10 }, caller))
  return errors
}

test.each(ways)('%s: a server that hangs is cut off, and found again', async (name, makeWay) => {
  const way = makeWay()
  let answered = 0
  const counted: Way = {
    ...way,
    ask: async () => {
      await way.ask()
      answered += 1
    },
  }
  await askUntil(counted, () => answered >= 20)
  expect(way.state()).toBe('closed')

  hanging = []
  const errors = await askUntil(counted, () => way.state() === 'open')
  const codes = new Set(errors.map((error) => (error as { code?: unknown }).code))
  if (!name.includes('within')) expect(codes).toContain('SPW_ERR_CALL_TIMEOUT')
  expect(codes).not.toContain('SPW_ERR_CANCELLED')

  const held = hanging
  hanging = undefined
  for (const answer of held) answer()
  answered = 0
  await askUntil(counted, () => way.state() === 'closed' && answered >= 40)
})
