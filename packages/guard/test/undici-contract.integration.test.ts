import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { Agent, buildConnector, interceptors, request, upgrade } from 'undici'
import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { attemptHeader, retryBudget } from '../src/undici/index.ts'
import type { TestServer } from './serve-http.ts'
import { serveHttp } from './serve-http.ts'

type Answer = (response: ServerResponse) => void

let server: TestServer
let agent: Agent
let dispatcher: Dispatcher
/** In turn; when they run out: 200. */
let answers: Answer[]
/** Connections that are never made: the first syn is never answered. */
let isBlackHole: boolean

beforeEach(async () => {
  answers = []
  isBlackHole = false
  server = await serveHttp((incoming, response) => {
    incoming.resume().on('error', () => {})
    incoming.on('end', () => {
      const answer = answers.shift()
      if (answer === undefined) response.end('fine')
      else answer(response)
    })
  })
  const connect = buildConnector({})
  agent = new Agent({
    connect(options, callback) {
      if (!isBlackHole) connect(options, callback)
    },
  })
  dispatcher = retrying(agent)
  for (let paid = 0; paid < 3; paid += 1) {
    await (await request(server.base, { dispatcher, reset: true })).body.dump()
  }
  server.requests.length = 0
})

afterEach(async () => {
  await agent.destroy()
  await server.stop()
})

function retrying(inner: Dispatcher): Dispatcher {
  const options = { retryRatio: 1, throttle: false, baseDelayMs: 20, deadlineMs: 60_000 }
  return inner.compose(retryBudget(options))
}

const busy: Answer = (response) => {
  response.writeHead(503).end('busy')
}

/** Everything that a handler is told, in order. */
async function told(options: Partial<Dispatcher.DispatchOptions>): Promise<unknown[]> {
  const calls: unknown[] = []
  const controllers = new Set<unknown>()
  await new Promise<void>((resolve, reject) => {
    const note = (name: string, controller: unknown, value?: unknown): void => {
      controllers.add(controller)
      calls.push(value === undefined ? name : [name, value])
    }
    dispatcher.dispatch(
      { origin: server.base, path: '/', method: 'GET', ...options },
      {
        onRequestStart: (controller) => note('start', controller),
        onBodySent: (chunk) => calls.push(['body', chunk.length]),
        onRequestSent: () => calls.push('sent'),
        onResponseStarted: () => calls.push('response'),
        onResponseStart: (controller, status) => note('status', controller, status),
        onResponseData: (controller, chunk) => note('data', controller, String(chunk)),
        onResponseEnd: (controller) => {
          note('end', controller)
          resolve()
        },
        onResponseError: (_controller, error) => reject(error),
      },
    )
  })
  expect(controllers.size).toBe(1)
  return calls
}

test('a handler is told of one request, whatever number of attempts it takes', async () => {
  answers = [busy, (response) => response.destroy(), busy]
  const calls = await told({ method: 'PUT', body: 'document' })
  expect(calls.filter((call) => call === 'start' || call === 'sent')).toEqual(['start', 'sent'])
  expect(calls.filter((call) => Array.isArray(call) && call[0] === 'body')).toEqual([['body', 8]])
  expect(calls.slice(-4)).toEqual(['response', ['status', 503], ['data', 'busy'], 'end'])
  expect(server.requests).toHaveLength(3)
})

test('the progress of a body never exceeds the body', async () => {
  answers = [busy, busy]
  const calls = await told({ method: 'PUT', body: new Blob(['x'.repeat(500_000)]) as never })
  const sent = calls.flatMap((call) => (Array.isArray(call) && call[0] === 'body' ? [call[1]] : []))
  expect(sent.reduce((sum, bytes) => sum + bytes, 0)).toBe(500_000)
  expect(server.requests).toHaveLength(3)
})

test.each<[string, Dispatcher.HttpMethod, number, Record<string, string>]>([
  ['a 304 that states the length of what it does not send', 'GET', 304, { 'content-length': '10' }],
  ['a HEAD', 'HEAD', 200, { 'content-length': '10' }],
  ['a HEAD of a resource that is not there', 'HEAD', 404, { 'content-length': '10' }],
  [
    'a 206 whose range is odd',
    'GET',
    206,
    { 'content-range': 'pages 1-2/3', 'content-length': '0' },
  ],
])('%s is handed out as it is', async (_, method, status, headers) => {
  answers = [(response) => response.writeHead(status, headers).end()]
  const response = await request(server.base, { method, dispatcher })
  expect(response.statusCode).toBe(status)
  expect(response.headers).toMatchObject(headers)
  expect(await response.body.text()).toBe('')
})

test('what another interceptor tells of its redirections is handed on', async () => {
  const inner = retrying(agent.compose(interceptors.redirect({ maxRedirections: 2 })))
  const moved: Answer = (response) => response.writeHead(302, { location: '/there' }).end()
  answers = [busy, busy, busy]
  for (const path of ['/a', '/b', '/c']) {
    await (await request(server.base + path, { dispatcher: inner, reset: true })).body.dump()
  }
  server.requests.length = 0
  answers = [moved, busy, moved]
  const response = await request(`${server.base}/here`, { dispatcher: inner })
  expect(await response.body.text()).toBe('fine')
  const { history } = response.context as { history: URL[] }
  expect(history.map(String)).toEqual([`${server.base}/here`, `${server.base}/there`])
  expect(server.requests.map(({ url }) => url)).toEqual(['/here', '/there', '/here', '/there'])
})

test('what another interceptor has unpacked is handed out', async () => {
  const inner = retrying(agent.compose(interceptors.decompress()))
  const packed = gzipSync('a long answer '.repeat(1000))
  const headers = { 'content-encoding': 'gzip', 'content-length': String(packed.length) }
  answers = [busy, (response) => response.writeHead(200, headers).end(packed)]
  const response = await request(server.base, { dispatcher: inner })
  expect(await response.body.text()).toBe('a long answer '.repeat(1000))
})

test('a refusal whose body does not end is not waited for', async () => {
  answers = [(response) => response.writeHead(503).write('busy, and more to come')]
  const response = await request(server.base, { dispatcher })
  expect(await response.body.text()).toBe('fine')
  expect(server.requests).toHaveLength(2)
})

test('a refused answer that has ended leaves its connection to the next attempt', async () => {
  const single = new Agent({ connections: 1 })
  const inner = retrying(single)
  for (let paid = 0; paid < 3; paid += 1) {
    answers.push(busy)
    await (await request(server.base, { dispatcher: inner })).body.dump()
  }
  expect(server.requests).toHaveLength(6)
  expect(new Set(server.requests.map(({ socket }) => socket)).size).toBe(1)
  await single.destroy()
})

test('an abort is heard while the next attempt waits for a connection', async () => {
  const controller = new AbortController()
  answers = [
    (response) => {
      isBlackHole = true
      response.writeHead(503, { connection: 'close' }).end('busy')
    },
  ]
  const answer = request(server.base, { dispatcher, signal: controller.signal })
  await Promise.all([
    expect(answer).rejects.toThrow('enough'),
    sleep(300).then(() => controller.abort(new Error('enough'))),
  ])
  isBlackHole = false
  expect(server.requests).toHaveLength(1)
})

test('all attempts have the headers of the first, in every form', async () => {
  const pairs = function* (): Generator<[string, string]> {
    yield ['x-mine', 'a']
    yield ['x-twice', '1']
    yield ['x-twice', '2']
  }
  const own = { 'x-mine': 'a', 'x-twice': ['1', '2'] }
  for (const headers of [own, pairs(), [...pairs()].flat()]) {
    server.requests.length = 0
    answers = [busy]
    const answer = request(server.base, { dispatcher, headers: headers as never })
    if (headers === own) own['x-mine'] = 'changed meanwhile'
    await (await answer).body.dump()
    expect(server.requests.map(({ headers: seen }) => seen)).toEqual([
      expect.objectContaining({ 'x-mine': 'a', 'x-twice': '1, 2' }),
      expect.objectContaining({ 'x-mine': 'a', 'x-twice': '1, 2', [attemptHeader]: '2' }),
    ])
  }
})

test('the caller’s own stream that breaks is not taken for the connection', async () => {
  const body = new Readable({ read() {} })
  body.push('the first half, ')
  setTimeout(() => body.destroy(Object.assign(new Error('mine'), { code: 'ECONNRESET' })), 50)
  await expect(request(server.base, { method: 'PUT', body, dispatcher })).rejects.toThrow('mine')
  await sleep(100)
  expect(server.requests).toHaveLength(1)
})

test('back-pressure reaches the attempt whose answer is handed out', async () => {
  const piece = Buffer.alloc(65_536)
  answers = [
    busy,
    (response) => Readable.from(Array.from({ length: 200 }, () => piece)).pipe(response),
  ]
  const { body } = await request(server.base, { dispatcher })
  let bytes = 0
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length
    if (bytes % 7 === 0) await sleep(1)
  }
  expect(bytes).toBe(200 * piece.length)
})

test('an upgrade is handed out', async () => {
  const upgrading = createServer().on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello')
  })
  upgrading.listen(0, '127.0.0.1')
  await once(upgrading, 'listening')
  const { port } = upgrading.address() as AddressInfo
  const { socket } = await upgrade(`http://127.0.0.1:${port}`, { dispatcher, protocol: 'echo' })
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  expect(String(Buffer.concat(chunks))).toBe('hello')
  upgrading.close()
})

/** What may stand in front; each asks in a way of its own. */
const inFront: Readonly<Record<string, () => Dispatcher.DispatcherComposeInterceptor>> = {
  nothing: () => (dispatch) => dispatch,
  'a lookup of names': () =>
    interceptors.dns({
      lookup: (_origin, _options, found) =>
        void setImmediate(found, null, [{ address: '127.0.0.1', family: 4, ttl: 60_000 }]),
    }),
  'a shared answer': () => interceptors.deduplicate(),
  'a cache': () => interceptors.cache(),
  redirections: () => interceptors.redirect({ maxRedirections: 1 }),
  retries: () => interceptors.retry({ maxRetries: 1, minTimeout: 1 }),
}

test.each(Object.keys(inFront))('behind %s everybody hears that he is held back', async (name) => {
  const held = retryBudget({ retryRatio: 0, maxAttempts: 1, random: () => 0 })
  const client = agent.compose(held, inFront[name]!())
  let number = 0
  // A name is looked up once: only with another one is somebody asked.
  const url = (): string =>
    name === 'a lookup of names'
      ? server.base.replace('127.0.0.1', `node-${(number += 1)}.example`)
      : server.base
  answers = Array.from({ length: 20 }, () => busy)
  // Posts, which nobody shares, caches or tries again.
  const post = { dispatcher: client, method: 'POST' } as const
  for (let refused = 0; refused < 10; refused += 1) {
    await request(url(), post).then(
      ({ body }) => body.dump(),
      () => undefined,
    )
  }
  const ask = (): Promise<unknown> =>
    request(url(), { dispatcher: client }).catch(({ code }: { code: unknown }) => code)
  for (let round = 0; round < 2; round += 1) {
    const codes = await Promise.all([ask(), ask(), ask()])
    expect(codes).toEqual(Array(3).fill('SPW_ERR_THROTTLED'))
  }
  expect(server.requests).toHaveLength(10)
})

test('who is redirected and then held back hears of that', async () => {
  const draws: number[] = []
  const held = retryBudget({ retryRatio: 0, maxAttempts: 1, random: () => draws.shift() ?? 0.99 })
  const client = agent.compose(held, interceptors.redirect({ maxRedirections: 1 }))
  answers = [
    ...Array.from({ length: 10 }, () => busy),
    (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  ]
  for (let refused = 0; refused < 10; refused += 1) {
    await (await request(server.base, { dispatcher: client })).body.dump()
  }
  draws.push(0.99, 0)
  const redirected = request(server.base, { dispatcher: client })
  await expect(redirected).rejects.toMatchObject({ code: 'SPW_ERR_THROTTLED' })
})
