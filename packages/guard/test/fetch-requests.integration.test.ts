import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import { fixedLimit } from '@spillway/core'
import { fetch as undiciFetch, Request as UndiciRequest } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardedFetch } from '../src/fetch/index.ts'
import type { Guard } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import type { TestServer } from './serve-http.ts'
import { serveHttp } from './serve-http.ts'

let server: TestServer
let url: string

interface Echo {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string
}

beforeAll(async () => {
  server = await serveHttp((request, response) => {
    if (request.url !== '/silent') void echoTo(request, response)
  })
  url = `${server.base}/`
})

afterAll(async () => {
  await server.stop()
})

async function echoTo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, headers } = request
  if (request.url === '/redirect') response.writeHead(307, { location: '/' })
  response.end(JSON.stringify({ method, headers, body: await text(request) }))
}

function api(): Guard {
  return createGuard({ name: 'api', limit: fixedLimit(1), queue: { maxWaitMs: 20_000 } })
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`Not so: ${String(condition)}`)
    await sleep(5)
  }
}

describe.each([
  ['the global fetch', globalThis.fetch, Request],
  [
    'undici’s',
    undiciFetch as unknown as typeof globalThis.fetch,
    UndiciRequest as unknown as typeof Request,
  ],
])('guardedFetch with %s', (_, fetch, RequestClass) => {
  async function echo(input: string | URL | Request, init?: RequestInit | Request): Promise<Echo> {
    const response = await guardedFetch(api(), { fetch })(input, init)
    return (await response.json()) as Echo
  }

  test.each<[string, () => [string | URL | Request, (RequestInit | Request)?]]>([
    ['a string', () => [url, { method: 'PUT', body: 'document' }]],
    ['a URL', () => [new URL(url), { method: 'PUT', body: 'document' }]],
    ['a Request', () => [new RequestClass(url, { method: 'PUT', body: 'document' })]],
    [
      'a Request and an init that says more',
      () => [new RequestClass(url, { method: 'PUT' }), { body: 'document' }],
    ],
    ['a Request as init', () => [url, new RequestClass(url, { method: 'PUT', body: 'document' })]],
    [
      'an init whose members are inherited',
      () => [url, Object.create({ method: 'PUT', body: 'document' }) as RequestInit],
    ],
    [
      'a stream',
      () => [url, { method: 'PUT', body: new Blob(['document']).stream(), duplex: 'half' }],
    ],
    [
      'a Request of a stream',
      () => [
        new RequestClass(url, {
          method: 'PUT',
          body: new Blob(['document']).stream(),
          duplex: 'half',
        }),
      ],
    ],
    ['what is redirected', () => [`${server.base}/redirect`, { method: 'PUT', body: 'document' }]],
    ['one that is kept alive', () => [url, { method: 'PUT', body: 'document', keepalive: true }]],
  ])('sends %s', async (_what, request) => {
    expect(await echo(...request())).toMatchObject({ method: 'PUT', body: 'document' })
  })

  test('sends the headers, in whatever form, and its own beside them', async () => {
    const names = { 'x-mine': 'a, b', 'x-other': 'c' }
    const pairs = [
      ['X-Mine', 'a'],
      ['X-Mine', 'b'],
      ['X-Other', 'c'],
    ] as [string, string][]
    const own = { 'x-envoy-expected-rq-timeout-ms': expect.any(String) }
    for (const headers of [pairs, names, new Headers(pairs), new Map(Object.entries(names))]) {
      const { headers: seen } = await echo(url, { headers: headers as never })
      expect(seen).toMatchObject({ ...names, ...own })
    }
  })

  test('keeps the referrer of a Request', async () => {
    const referrer = `${url}page`
    const { headers } = await echo(new RequestClass(url, { referrer }))
    expect(headers['referer']).toBe(referrer)
  })

  type Sender = (
    signal: AbortSignal,
  ) => [string | Request, (RequestInit | undefined)?, { signal: AbortSignal }?]
  const other = (): AbortSignal => new AbortController().signal
  const senders: Record<string, Sender> = {
    'of init': (signal) => [`${server.base}/silent`, { signal }],
    'of a Request': (signal) => [new RequestClass(`${server.base}/silent`, { signal })],
    'of the call': (signal) => [`${server.base}/silent`, undefined, { signal }],
    'of init, beside that of the call': (signal) => [
      `${server.base}/silent`,
      { signal },
      { signal: other() },
    ],
    'of the call, beside that of init': (signal) => [
      `${server.base}/silent`,
      { signal: other() },
      { signal },
    ],
    'of the call, beside that of a Request': (signal) => [
      new RequestClass(`${server.base}/silent`, { signal: other() }),
      undefined,
      { signal },
    ],
  }

  test.each(Object.entries(senders))('the signal %s ends the call', async (_whose, send) => {
    const guard = api()
    const controller = new AbortController()
    const before = server.requests.length
    const answer = guardedFetch(guard, { fetch })(...send(controller.signal))
    await until(() => server.requests.length === before + 1)
    const closed = once(server.requests.at(-1)!.socket, 'close')
    controller.abort('mine')
    await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED', cause: 'mine' })
    await until(() => guard.stats().inFlight === 0)
    await closed
  })

  test.each(Object.entries(senders))('the signal %s ends the wait', async (_whose, send) => {
    const guard = api()
    const permit = guard.limiter.tryAcquire()!
    const controller = new AbortController()
    const before = server.requests.length
    const answer = guardedFetch(guard, { fetch })(...send(controller.signal))
    controller.abort('mine')
    await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED', cause: 'mine' })
    permit.release()
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0 })
    expect(server.requests).toHaveLength(before)
  })

  test.each(Object.entries(senders))(
    'a signal %s that has aborted asks nothing',
    async (_whose, send) => {
      const before = server.requests.length
      const answer = guardedFetch(api(), { fetch })(...send(AbortSignal.abort('mine')))
      await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED', cause: 'mine' })
      expect(server.requests).toHaveLength(before)
    },
  )

  test('an init that says no signal takes that of a Request away', async () => {
    const request = new RequestClass(url, { signal: AbortSignal.abort() })
    expect(await echo(request, { signal: null })).toMatchObject({ method: 'GET' })
  })

  test('a signal that is none is refused, and nothing is held', async () => {
    const guard = api()
    for (const signal of [{}, 'now', 5]) {
      const answer = guardedFetch(guard, { fetch })(url, { signal } as unknown as RequestInit)
      await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_OPTION' })
    }
    expect(guard.stats()).toMatchObject({ inFlight: 0, queued: 0 })
  })

  test('a call within a call has what the outer one has left', async () => {
    const guarded = guardedFetch(api(), { fetch })
    const outer = createGuard({ name: 'outer' })
    const seen = await outer.run(
      async (signal, call) => (await guarded(url, { signal }, call)).json() as Promise<Echo>,
      { deadlineMs: 9_000, priority: 'critical' },
    )
    expect(seen.headers['x-request-priority']).toBe('critical')
    expect(Number(seen.headers['x-envoy-expected-rq-timeout-ms'])).toBeLessThanOrEqual(9_000)
  })
})
