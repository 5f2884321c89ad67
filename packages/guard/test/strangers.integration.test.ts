import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBreaker } from '@spillway/circuit-breaker'
import type { FastifyRequest } from 'fastify'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import guard from '../src/index.ts'

type Ask = (request: FastifyRequest, work: (signal: AbortSignal) => Promise<string>) => unknown

/** How a handler may hand its request's time on. */
const wirings: Record<string, (ask: (work: never, options: object) => unknown) => Ask> = {
  callOptions: (ask) => (request, work) => ask(work as never, request.callOptions),
  'deadline and signal':
    (ask) =>
    ({ deadline, cancelSignal: signal }, work) =>
      ask(work as never, { deadlineMs: deadline?.remainingMs, signal }),
  'the signal alone': (ask) => (request, work) =>
    ask(work as never, { signal: request.cancelSignal }),
}

const cases = Object.keys(wirings).flatMap((wiring) => [
  ['guard', wiring] as const,
  ['breaker', wiring] as const,
])

test.each(cases)(
  'a %s that is asked with %s: strangers with little patience end nobody’s calls but their own',
  async (kind, wiring) => {
    const app = Fastify({ forceCloseConnections: true })
    onTestFinished(() => app.close())
    await app.register(guard, { defaultDeadlineMs: 5000 })
    const db = app.guards.define('db')
    const breaker = createBreaker({ name: 'db' })
    const ask = wirings[wiring]!(
      kind === 'guard'
        ? (work, options) => db.run(work, options)
        : (work, options) => breaker.run(work, options),
    )
    const query = (ms: number) => async (signal: AbortSignal) => sleep(ms, 'rows', { signal })
    app.get('/item', async (request) => ask(request, query(1)))
    app.get('/report', async (request) => ask(request, query(1000)))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    const statusOf = async (path: string, headers = {}): Promise<number> => {
      const response = await fetch(base + path, { headers })
      await response.arrayBuffer()
      return response.status
    }

    const impatient = { 'x-envoy-expected-rq-timeout-ms': '120' }
    for (let round = 0; round < 4; round += 1) {
      const strangers = Array.from({ length: 15 }, () => statusOf('/report', impatient))
      expect(await statusOf('/item')).toBe(200)
      // Some may have been told at once that their turn would come too late.
      for (const status of await Promise.all(strangers)) expect([503, 504]).toContain(status)
      expect(await statusOf('/item')).toBe(200)
    }
    const seen = kind === 'guard' ? db.breaker!.stats() : breaker.stats()
    expect(seen).toMatchObject({ state: 'closed', opened: 0, failures: 0 })
    expect(db.stats().released.dropped).toBe(0)
  },
)
