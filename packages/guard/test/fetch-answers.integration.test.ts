import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { fixedLimit } from '@spillway/core'
import { fetch as undiciFetch, Response as UndiciResponse } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { guardedFetch } from '../src/fetch/index.ts'
import type { Guard } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import type { TestServer } from './serve-http.ts'
import { serveHttp } from './serve-http.ts'

const text = 'ä piece of text, '.repeat(5_000)
let server: TestServer
let base: string
/** Answers that have begun, and end when a test says so. */
const open: ServerResponse[] = []

beforeAll(async () => {
  server = await serveHttp((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://server')
    const status = Number(searchParams.get('status') ?? 200)
    const answer = answers[pathname]
    if (answer === undefined) response.writeHead(status, { 'x-answer': '42' }).end(text)
    else answer(response, status)
  })
  base = server.base
})

const answers: Record<string, (response: ServerResponse, status: number) => void> = {
  '/empty': (response, status) => {
    response.writeHead(status, { 'content-length': '0' }).end()
  },
  '/empty-chunked': (response, status) => {
    response.writeHead(status).end()
  },
  '/json': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":[1,2]}')
  },
  '/of-length': (response) => {
    response.end('of a stated length')
  },
  '/form': (response) => {
    const type = 'application/x-www-form-urlencoded'
    response.writeHead(200, { 'content-type': type }).end('a=1&b=2')
  },
  '/packed': (response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text))
  },
  '/redirect': (response) => {
    response.writeHead(302, { location: '/plain' }).end()
  },
  '/head-only': (response) => {
    response.writeHead(200).flushHeaders()
    open.push(response)
  },
  '/half': (response, status) => {
    response.writeHead(status).write('first ')
    open.push(response)
  },
}

afterEach(() => {
  for (const response of open.splice(0)) response.destroy()
})

afterAll(async () => {
  await server.stop()
})

async function until(condition: () => boolean, ms = 5000): Promise<void> {
  const giveUpAt = performance.now() + ms
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`Not within ${ms} ms: ${String(condition)}`)
    await sleep(5)
  }
}

function api(timeoutMs = 60_000): Guard {
  return createGuard({ name: 'api', limit: fixedLimit(2), timeoutMs })
}

async function isBackOnce(guard: Guard, outcome = 'success'): Promise<void> {
  await until(() => guard.stats().inFlight === 0)
  const none = { success: 0, dropped: 0, ignored: 0 }
  expect(guard.stats()).toMatchObject({ running: 0, released: { ...none, [outcome]: 1 } })
}

describe.each([
  ['the global fetch', globalThis.fetch, Response],
  [
    'undici’s',
    undiciFetch as unknown as typeof globalThis.fetch,
    UndiciResponse as unknown as typeof Response,
  ],
])('guardedFetch with %s', (_, fetch, ResponseClass) => {
  test.each<[string, (response: Response) => Promise<unknown>, unknown, string?]>([
    ['text', (response) => response.text(), text],
    ['json', (response) => response.json(), { a: [1, 2] }, '/json'],
    ['arrayBuffer', async (response) => Buffer.from(await response.arrayBuffer()).toString(), text],
    ['bytes', async (response) => Buffer.from(await response.bytes()).toString(), text],
    ['blob', async (response) => (await response.blob()).text(), text],
    [
      'formData',
      async (response) => [...(await response.formData()).values()],
      ['1', '2'],
      '/form',
    ],
    ['text of a packed one', (response) => response.text(), text, '/packed'],
    ['a reader', async ({ body }) => readAll(body!.getReader()), text],
    ['a reader of buffers of one’s own', async ({ body }) => readIntoBuffer(body!), text],
    ['pipeTo', async ({ body }) => piped(body!), text],
    ['pipeThrough', async ({ body }) => piped(body!.pipeThrough(new TransformStream())), text],
    ['async iteration', async ({ body }) => iterated(body as never), text],
    [
      'tee',
      async ({ body }) => Promise.all(body!.tee().map((branch) => piped(branch))),
      [text, text],
    ],
    [
      'clone, both of them',
      async (response) => {
        const clone = response.clone()
        return Promise.all([response.text(), clone.text()])
      },
      [text, text],
    ],
    [
      'clone, one after the other',
      async (response) => {
        const clone = response.clone()
        return [await clone.text(), await response.text()]
      },
      [text, text],
    ],
    ['another response around it', ({ body }) => new Response(body).text(), text],
  ])(
    'a body read by %s gives the permit back once',
    async (_way, read, expected, path = '/plain') => {
      const guard = api()
      const response = await guardedFetch(guard, { fetch })(`${base}${path}`)
      expect(await read(response)).toEqual(expected)
      await isBackOnce(guard)
    },
  )

  test.each(['/half', '/head-only'])('a body that is cancelled gives it back: %s', async (path) => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}${path}`)
    expect(guard.stats().inFlight).toBe(1)
    const closed = once(open[0]!, 'close')
    await response.body!.cancel()
    await isBackOnce(guard)
    await closed
  })

  test('of a clone, only when both are cancelled or read', async () => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}/half`)
    const clone = response.clone()
    void clone.body!.cancel()
    await sleep(30)
    expect(guard.stats().inFlight).toBe(1)
    await response.body!.cancel()
    await isBackOnce(guard)
  })

  test.each([
    ['GET', '/empty'],
    ['GET', '/empty-chunked'],
    ['GET', '/empty?status=201'],
    ['GET', '/empty-chunked?status=404'],
    ['GET', '/empty?status=204'],
    ['GET', '/plain?status=205'],
    ['GET', '/empty?status=304'],
    ['HEAD', '/plain'],
    ['HEAD', '/plain?status=500'],
    ['DELETE', '/empty-chunked'],
  ])('nothing to read, and nobody reads: %s %s', async (method, path) => {
    const guard = api()
    const plain = await fetch(`${base}${path}`, { method })
    const response = await guardedFetch(guard, { fetch })(`${base}${path}`, { method })
    expect(response.status).toBe(plain.status)
    expect(response.bodyUsed).toBe(false)
    await isBackOnce(guard)
    expect(await response.text()).toBe('')
  })

  test.each([429, 503, 504])('nothing to read of a %i counts as dropped', async (status) => {
    const guard = api()
    await guardedFetch(guard, { fetch })(`${base}/empty-chunked?status=${status}`)
    await isBackOnce(guard, 'dropped')
  })

  test.each([299, 404, 600, 777, 999])('an answer of %i is handed out', async (status) => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}/plain?status=${status}`)
    expect(response).toMatchObject({ status, ok: status < 300 })
    expect(await response.text()).toBe(text)
    await isBackOnce(guard)
  })

  test('a redirection that is not followed is handed out', async () => {
    const guard = api()
    const guarded = guardedFetch(guard, { fetch })
    const response = await guarded(`${base}/redirect`, { redirect: 'manual' })
    expect(response).toMatchObject({ status: 302, redirected: false })
    await isBackOnce(guard)
    await expect(guarded(`${base}/redirect`, { redirect: 'error' })).rejects.toThrow(TypeError)
  })

  test('it is fetch’s own response, and so is its clone', async () => {
    const guard = api()
    const plain = await fetch(`${base}/redirect`)
    const response = await guardedFetch(guard, { fetch })(`${base}/redirect`)
    for (const one of [response, response.clone()]) {
      expect(one).toBeInstanceOf(ResponseClass)
      expect(one).toMatchObject({
        url: `${base}/plain`,
        redirected: true,
        ok: true,
        bodyUsed: false,
      })
      expect(one).toMatchObject({ type: plain.type, statusText: plain.statusText })
      expect(one.headers.get('x-answer')).toBe('42')
      expect(await one.text()).toBe(text)
      expect(one.bodyUsed).toBe(true)
    }
    await plain.text()
    await isBackOnce(guard)
  })

  test.each(['/half', '/plain', '/json', '/of-length'])(
    'a body that nobody reads and nobody holds gives the permit back: %s',
    async (path) => {
      const guard = api()
      await guardedFetch(guard, { fetch })(`${base}${path}`)
      expect(guard.stats().inFlight).toBe(1)
      await until(() => {
        collectGarbage()
        return guard.stats().inFlight === 0
      }, 20_000)
      await isBackOnce(guard)
    },
  )

  test('a response that is held and not read gives it back at the timeout', async () => {
    const guard = api(300)
    const response = await guardedFetch(guard, { fetch })(`${base}/half`)
    await isBackOnce(guard, 'dropped')
    await expect(response.text()).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
  })

  test('what fetch throws comes through as it is', async () => {
    const guarded = guardedFetch(api(), { fetch })
    for (const [input, init] of [
      ['no url', {}],
      [base, { method: 'GET', body: 'x' }],
      [base, { method: 'b a d' }],
      [base, { headers: { 'b a d': '1' } }],
      [base, { headers: [['lonely']] }],
      [base, { headers: 5 }],
      [base, { headers: null }],
      [base, { redirect: 'sometimes' }],
      [base, { method: 'POST', body: new ReadableStream() }],
      ['http://127.0.0.1:1', {}],
    ] as [string, RequestInit][]) {
      const [own, through] = await Promise.all([
        fetch(input, init).catch((error: Error) => error),
        guarded(input, init).catch((error: Error) => error),
      ])
      expect(through).toBeInstanceOf(Error)
      expect(through).toEqual(own)
    }
  })
})

test('responses that are no answer are handed out', async () => {
  const error = Response.error()
  const bare = { status: 200, json: async () => 1 } as unknown as Response
  for (const response of [error, bare]) {
    const guard = api()
    const fetch = async (_url: string): Promise<Response> => response
    expect(await guardedFetch(guard, { fetch })('http://x')).toBe(response)
    await isBackOnce(guard)
  }
})

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value)
  }
  return Buffer.concat(chunks).toString()
}

async function readIntoBuffer(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader({ mode: 'byob' })
  const chunks: Uint8Array[] = []
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(1000))
    if (done) return Buffer.concat(chunks).toString()
    chunks.push(value)
  }
}

async function piped(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  await body.pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }))
  return Buffer.concat(chunks).toString()
}

async function iterated(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
