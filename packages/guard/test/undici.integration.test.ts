import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, fetch, request } from 'undici'
import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RetryBudgetInterceptorOptions } from '../src/undici/index.ts'
import { attemptHeader, retryBudget, retryHeader } from '../src/undici/index.ts'
import { hasHeader, withHeader } from '../src/undici/headers.ts'
import { parseOptions } from '../src/undici/options.ts'
import { Origins } from '../src/undici/origins.ts'
import type { TestServer } from './serve-http.ts'
import { serveHttp } from './serve-http.ts'

let server: TestServer
let agent: Agent
/** Answers in turn; when they run out: 200. A status, or what else to do. */
let answers: { status?: number; headers?: Record<string, string>; act?: 'destroy' | 'half' }[]

beforeEach(async () => {
  answers = []
  agent = new Agent()
  server = await serveHttp((incoming, response) => {
    incoming.resume()
    incoming.on('end', () => {
      const { status = 200, headers = {}, act } = answers.shift() ?? {}
      if (act === 'destroy') response.destroy()
      else if (act === 'half') {
        response.writeHead(200, { 'content-length': '10' }).write('half ')
        setTimeout(() => response.destroy(), 20)
      } else response.writeHead(status, headers).end(`status ${status}`)
    })
  })
})

afterEach(async () => {
  await agent.destroy()
  await server.stop()
})

/** A budget of all that is asked for, short waits and no throttle, unless a test says so. */
function dispatcher(options: RetryBudgetInterceptorOptions = {}): Dispatcher {
  return agent.compose(retryBudget({ retryRatio: 1, throttle: false, baseDelayMs: 5, ...options }))
}

/** First attempts of the past, to retry on. */
async function earn(client: Dispatcher, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const { body } = await request(server.base, { dispatcher: client })
    await body.dump()
  }
  server.requests.length = 0
}

async function ask(
  client: Dispatcher,
  options: Partial<Dispatcher.RequestOptions> = {},
): Promise<{ status: number; text: string }> {
  const { statusCode, body } = await request(server.base, { ...options, dispatcher: client })
  return { status: statusCode, text: await body.text() }
}

function attemptNumbers(): unknown[] {
  return server.requests.map(({ headers }) => headers[attemptHeader])
}

describe('the interceptor', () => {
  test.each([429, 502, 503, 504])('sends a GET again after %i and numbers it', async (status) => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ status }, { status }]
    expect(await ask(client)).toEqual({ status: 200, text: 'status 200' })
    expect(attemptNumbers()).toEqual([undefined, '2', '3'])
  })

  test.each([200, 302, 404, 500])('hands %i out as it is', async (status) => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ status }]
    expect((await ask(client)).text).toBe(`status ${status}`)
    expect(server.requests).toHaveLength(1)
  })

  test('hands the last refusal out, body and all, when it gives up', async () => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ status: 503 }, { status: 503 }, { status: 502 }, { status: 503 }]
    expect(await ask(client)).toEqual({ status: 502, text: 'status 502' })
    expect(server.requests).toHaveLength(3)
  })

  test('retries no more than the budget allows, per origin', async () => {
    const client = dispatcher({ retryRatio: 0.1 })
    answers = Array.from({ length: 200 }, () => ({ status: 503 }))
    for (let index = 0; index < 50; index += 1) await ask(client)
    expect(server.requests).toHaveLength(55)
  })

  test('does not send a POST again that may have been worked on', async () => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ status: 503 }]
    expect((await ask(client, { method: 'POST', body: 'pay' })).status).toBe(503)
    answers = [{ act: 'destroy' }]
    await expect(ask(client, { method: 'POST', body: 'pay' })).rejects.toThrow()
    expect(server.requests).toHaveLength(2)
  })

  test('sends a POST with an Idempotency-Key again, with its body', async () => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ status: 503 }, { act: 'destroy' }]
    const headers = { 'Idempotency-Key': 'a1' }
    expect((await ask(client, { method: 'POST', body: 'pay', headers })).status).toBe(200)
    expect(server.requests.map((one) => one.headers['content-length'])).toEqual(['3', '3', '3'])
    expect(server.requests[2]!.headers['idempotency-key']).toBe('a1')
  })

  test('does not send a body again that has been read', async () => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ status: 503 }]
    const body = Readable.from(['once'])
    expect((await ask(client, { method: 'PUT', body })).status).toBe(503)
    expect(server.requests).toHaveLength(1)
  })

  test('tries a POST again whose connection was refused', async () => {
    const connects: unknown[] = []
    const counted = agent
      .compose((dispatch) => (options, handler) => {
        connects.push((options.headers as Record<string, string> | undefined)?.[attemptHeader])
        return dispatch(options, handler)
      })
      .compose(retryBudget({ retryRatio: 1, throttle: false, baseDelayMs: 5 }))
    await earn(counted, 3)
    connects.length = 0
    const { base } = server
    await server.stop()
    // The agent has to notice: on a connection that closes meanwhile, a POST may have arrived.
    await sleep(500)
    await expect(
      request(base, { method: 'POST', body: 'pay', dispatcher: counted }),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(connects).toEqual([undefined, '2', '3'])
    server = await serveHttp(() => {})
  })

  test('lets an answer that has begun break off', async () => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ act: 'half' }]
    await expect(ask(client)).rejects.toThrow()
    expect(server.requests).toHaveLength(1)
  })

  test('does not press whoever says that it refuses', async () => {
    const client = dispatcher()
    await earn(client, 3)
    answers = [{ status: 503, headers: { [retryHeader]: 'no' } }]
    expect((await ask(client)).status).toBe(503)
    expect(server.requests).toHaveLength(1)
  })

  test('waits for Retry-After, and gives up at once when it is beyond the deadline', async () => {
    const client = dispatcher({ deadlineMs: 3000 })
    await earn(client, 3)
    answers = [{ status: 503, headers: { 'retry-after': '1' } }]
    let startedAt = performance.now()
    expect((await ask(client)).status).toBe(200)
    expect(performance.now() - startedAt).toBeGreaterThan(990)
    for (const late of ['3600', '99999999999999999999', 'Fri, 31 Dec 9999 23:59:59 GMT']) {
      server.requests.length = 0
      answers = [{ status: 503, headers: { 'retry-after': late } }]
      startedAt = performance.now()
      expect((await ask(client)).status).toBe(503)
      expect(performance.now() - startedAt).toBeLessThan(2500)
      expect(server.requests).toHaveLength(1)
    }
  })

  test('an abort ends the wait', async () => {
    const client = dispatcher({ deadlineMs: 60_000 })
    await earn(client, 3)
    answers = [{ status: 503, headers: { 'retry-after': '30' } }]
    const controller = new AbortController()
    setTimeout(() => {
      controller.abort()
    }, 100)
    await expect(ask(client, { signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(server.requests).toHaveLength(1)
  })

  test('holds back what the throttle says, and lets it through that works', async () => {
    const client = dispatcher({ throttle: true, retryRatio: 0, random: () => 0.8 })
    answers = Array.from({ length: 100 }, () => ({ status: 503 }))
    const outcomes = []
    for (let index = 0; index < 20; index += 1) {
      outcomes.push(await ask(client).catch((error: unknown) => error))
    }
    expect(server.requests).toHaveLength(10)
    expect(outcomes[19]).toMatchObject({ code: 'SPW_ERR_THROTTLED', statusCode: 503 })
    const healthy = dispatcher({ throttle: true, random: () => 0.1 })
    answers = []
    for (let index = 0; index < 10; index += 1) expect((await ask(healthy)).status).toBe(200)
  })

  test('throttles a service that refuses, not one that passes a failure on', async () => {
    for (const [status, sent] of [
      [502, 20],
      [503, 10],
    ] as const) {
      const client = dispatcher({ throttle: true, retryRatio: 0, random: () => 0.8 })
      answers = Array.from({ length: 20 }, () => ({ status, headers: { [retryHeader]: 'no' } }))
      server.requests.length = 0
      for (let index = 0; index < 20; index += 1) await ask(client).catch(() => undefined)
      expect(server.requests).toHaveLength(sent)
    }
  })

  /** Refused by the server, and not to be tried again: nine are one short of what throttles. */
  async function refusedPosts(client: Dispatcher, count: number): Promise<void> {
    answers = Array.from({ length: 20 }, () => ({ status: 503 }))
    for (let index = 0; index < count; index += 1) await ask(client, { method: 'POST', body: '' })
  }

  test('does not retry what the throttle holds back', async () => {
    const client = dispatcher({ throttle: true, random: () => 0.4 })
    await refusedPosts(client, 9)
    expect((await ask(client)).status).toBe(503)
    expect(server.requests).toHaveLength(10)
  })

  test('holds back from an origin that is gone', async () => {
    const client = dispatcher({ throttle: true, random: () => 0.4, maxAttempts: 1 })
    const { base } = server
    await server.stop()
    const codes = []
    for (let index = 0; index < 12; index += 1) {
      const error = await request(base, { dispatcher: client }).catch((reason: unknown) => reason)
      codes.push((error as { code?: unknown }).code)
    }
    expect(codes.slice(8)).toEqual([
      'ECONNREFUSED',
      'ECONNREFUSED',
      'SPW_ERR_THROTTLED',
      'SPW_ERR_THROTTLED',
    ])
    server = await serveHttp(() => {})
  })

  test('works below fetch, whose refusal by the throttle is the cause', async () => {
    const client = dispatcher({ throttle: true, random: () => 0.4 })
    await refusedPosts(client, 9)
    const response = await fetch(server.base, { dispatcher: client })
    expect(await response.text()).toBe('status 503')
    const refusal = await fetch(server.base, { dispatcher: client }).catch((e: unknown) => e)
    expect(JSON.stringify([refusal, (refusal as Error).cause])).toContain('SPW_ERR_THROTTLED')
  })

  test('answers wrong options with their name', () => {
    expect(() => retryBudget({ maxAttempts: 0 })).toThrow(/`maxAttempts`/)
    expect(() => retryBudget({ retries: 1 } as object)).toThrow(/Unknown option/)
  })
})

test('remembers no more origins than it may, the ones used last', () => {
  const origins = new Origins(parseOptions({ maxOrigins: 2 }))
  const first = origins.get('http://a')
  origins.get('http://b')
  expect(origins.get('http://a')).toBe(first)
  origins.get('http://c')
  expect(origins.size).toBe(2)
  expect(origins.get('http://a')).toBe(first)
})

test('reads and extends headers in every form', () => {
  const name = 'x-a'
  expect(withHeader(undefined, name, '2')).toEqual({ 'x-a': '2' })
  expect(withHeader(null, name, '2')).toEqual({ 'x-a': '2' })
  expect(withHeader(['b', '1'], name, '2')).toEqual(['b', '1', 'x-a', '2'])
  const pairs = withHeader(new Map([['b', '1']]), name, '2') as Iterable<unknown>
  expect([...pairs]).toEqual([
    ['b', '1'],
    ['x-a', '2'],
  ])
  const given = { b: '1' }
  expect(withHeader(given, name, '2')).toEqual({ b: '1', 'x-a': '2' })
  expect(given).toEqual({ b: '1' })
  expect(hasHeader(['b', 'x-a'], name)).toBe(false)
  expect(hasHeader(['X-A', 'b'], name)).toBe(true)
  expect(hasHeader(new Map([['X-A', '1']]), name)).toBe(true)
  expect(hasHeader(undefined, name)).toBe(false)
})
