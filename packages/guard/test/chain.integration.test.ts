import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { guardedFetch } from '../src/fetch/index.ts'
import type { GuardPluginOptions } from '../src/index.ts'
import guard from '../src/index.ts'

interface Hop {
  readonly service: string
  readonly leftMs: number
  readonly priority: string
}

interface Service {
  readonly app: FastifyInstance
  readonly url: string
  /** Requests whose handler has begun. */
  readonly handled: () => number
}

/** A service that works for a while, then asks the next one, and tells what it knew. */
async function start(
  name: string,
  workMs: number,
  next: Service | undefined,
  options: GuardPluginOptions,
): Promise<Service> {
  const app = Fastify({ forceCloseConnections: true })
  onTestFinished(() => app.close())
  await app.register(guard, options)
  const ask = guardedFetch(app.guards.define('next'))
  let handled = 0
  app.get('/', async (request) => {
    handled += 1
    const hop: Hop = {
      service: name,
      leftMs: request.deadline!.remainingMs,
      priority: request.priority,
    }
    await sleep(workMs)
    if (next === undefined) return [hop]
    const response = await ask(next.url, {}, request.callOptions)
    if (!response.ok) throw Object.assign(new Error('next'), { statusCode: response.status })
    return [hop, ...((await response.json()) as Hop[])]
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { app, url: `http://127.0.0.1:${port}/`, handled: () => handled }
}

async function chain(
  workMs: number,
  edge: GuardPluginOptions = { defaultDeadlineMs: 30_000 },
): Promise<readonly [Service, Service, Service]> {
  // Longer defaults further in: what is left must come from the hop before.
  const inner = { defaultDeadlineMs: 60_000, callerHeaders: 'trust' } as const
  const third = await start('third', workMs, undefined, inner)
  const second = await start('second', workMs, third, inner)
  return [await start('first', workMs, second, edge), second, third]
}

describe('three services in a row', () => {
  test('have less time at each hop, by what the hop before has used', async () => {
    const [first] = await chain(80)
    const hops = (await (await fetch(first.url)).json()) as Hop[]
    expect(hops.map(({ service }) => service)).toEqual(['first', 'second', 'third'])
    const [a, b, c] = hops.map(({ leftMs }) => leftMs) as [number, number, number]
    expect(a).toBeLessThanOrEqual(30_000)
    // A timer may be a millisecond early.
    expect(a - b).toBeGreaterThanOrEqual(79)
    expect(b - c).toBeGreaterThanOrEqual(79)
    expect(c).toBeGreaterThan(10_000)
  })

  test.each([
    // Further in it would pass for the first service's word.
    { callerHeaders: 'tighten', atMost: [20_000, 30_000, 30_000] },
    { callerHeaders: 'trust', atMost: [20_000, 20_000, 20_000] },
  ] as const)('know the priority and, trusted, the deadline: %j', async (known) => {
    const { callerHeaders, atMost } = known
    const [first] = await chain(5, { defaultDeadlineMs: 30_000, callerHeaders })
    const headers = { 'x-envoy-expected-rq-timeout-ms': '20000', 'x-request-priority': 'low' }
    const hops = (await (await fetch(first.url, { headers })).json()) as Hop[]
    expect(hops.map(({ priority }) => priority)).toEqual(['low', 'low', 'low'])
    hops.forEach(({ leftMs }, index) => {
      expect(leftMs).toBeLessThanOrEqual(atMost[index]!)
      expect(leftMs).toBeGreaterThan(atMost[index]! - 10_000)
    })
  })

  test('an outsider’s deadline ends the work of all of them', async () => {
    const [first, second, third] = await chain(150)
    const headers = { 'x-envoy-expected-rq-timeout-ms': '250' }
    const response = await fetch(first.url, { headers })
    expect(response.status).toBe(504)
    while (second.app.guards.get('next')!.limiter.inFlight > 0) await sleep(5)
    expect([second.handled(), third.handled()].every((times) => times <= 1)).toBe(true)
    for (const { app } of [first, second]) {
      expect(app.guards.get('next')!.stats().released.dropped).toBe(0)
    }
  })

  test('an outsider cannot make itself important, nor patient', async () => {
    const [first] = await chain(5)
    const headers = { 'x-envoy-expected-rq-timeout-ms': '50000', 'x-request-priority': 'critical' }
    const hops = (await (await fetch(first.url, { headers })).json()) as Hop[]
    expect(hops.map(({ priority }) => priority)).toEqual(['default', 'default', 'default'])
    expect(hops[0]!.leftMs).toBeLessThanOrEqual(30_000)
  })

  test('start nothing that comes too late', async () => {
    const [first, second, third] = await chain(400, { defaultDeadlineMs: 600 })
    const response = await fetch(first.url)
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    await sleep(500)
    expect(second.handled()).toBe(1)
    expect(third.handled()).toBe(0)
    expect(second.app.guards.get('next')!.stats().admitted.default).toBe(0)
  })

  test('a client that hangs up ends the work of all of them', async () => {
    const [first, second, third] = await chain(150)
    const client = new AbortController()
    const asked = fetch(first.url, { signal: client.signal }).catch(() => 'gone')
    while (second.handled() === 0) await sleep(5)
    client.abort()
    expect(await asked).toBe('gone')
    await sleep(300)
    expect(third.handled()).toBe(0)
    expect(first.app.guards.get('next')!.stats().inFlight).toBe(0)
  })
})
