import { once } from 'node:events'
import { constants, createServer } from 'node:http2'
import type { Http2Server, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Agent, fetch, request } from 'undici'
import type { Dispatcher } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { retryBudget } from '../src/undici/index.ts'

const content = Buffer.alloc(300_000, 'the whole document, ')
const halves = [content.subarray(0, 150_000), content.subarray(150_000)]

let server: Http2Server
let base: string
/** How the next stream ends; those after it are stored. */
let fail: ((stream: ServerHttp2Stream) => void) | undefined
let streams: number
let bodies: Buffer[]
let agent: Agent
let dispatcher: Dispatcher

beforeAll(async () => {
  server = createServer()
  server.on('sessionError', () => {})
  server.on('stream', (stream) => {
    streams += 1
    stream.on('error', () => {})
    const failOnce = fail
    fail = undefined
    if (failOnce === undefined) void store(stream, 200)
    else failOnce(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  server.close()
  await once(server, 'close')
})

beforeEach(async () => {
  bodies = []
  // Known to the client that the agent makes, not to the agent's types.
  agent = new Agent({ allowH2: true, useH2c: true } as never)
  const options = { retryRatio: 1, throttle: false, baseDelayMs: 5, deadlineMs: 60_000 }
  dispatcher = agent.compose(retryBudget(options))
  for (let paid = 0; paid < 2; paid += 1) await (await request(base, { dispatcher })).body.dump()
})

afterEach(async () => {
  await agent.destroy()
})

async function store(stream: ServerHttp2Stream, status: number): Promise<void> {
  const body = await buffer(stream).catch(() => undefined)
  if (body === undefined) return
  bodies.push(body)
  stream.respond({ ':status': status })
  stream.end(status === 200 ? 'stored' : 'busy')
}

const failures: Record<string, (stream: ServerHttp2Stream) => void> = {
  'a 503 before the body is read': (stream) => {
    stream.respond({ ':status': 503 })
    stream.end('busy')
  },
  'a 503 after the body': (stream) => void store(stream, 503),
  'a stream that is refused': (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  'a connection that breaks in the middle of the body': (stream) => {
    stream.once('data', () => stream.session!.destroy())
  },
  'a session that goes away': (stream) => {
    stream.session!.goaway()
    stream.session!.destroy()
  },
}

async function put(body: unknown, send: 'request' | 'fetch'): Promise<string> {
  const init = { method: 'PUT', body, dispatcher, duplex: 'half' } as never
  if (send === 'fetch') {
    const response = await fetch(base, init)
    return `${response.status} ${await response.text()}`
  }
  const response = await request(base, init)
  return `${response.statusCode} ${await response.body.text()}`
}

function expectWhole(): void {
  for (const body of bodies) expect(body.equals(content)).toBe(true)
}

test.each(Object.entries(failures))(
  'HTTP/2: what is held is sent again whole after %s',
  async (_, how) => {
    for (const body of [content.toString(), content, new Blob([content])]) {
      streams = 0
      bodies = []
      fail = how
      expect(await put(body, 'request')).toBe('200 stored')
      expect(streams).toBe(2)
      expectWhole()
    }
  },
)

test.each(Object.entries(failures))(
  'HTTP/2: what is read once is not sent again after %s',
  async (_, how) => {
    const makers = [() => ReadableStream.from(halves), () => Readable.from(halves)]
    for (const [make, send] of [
      [makers[0]!, 'request'],
      [makers[1]!, 'request'],
      [makers[0]!, 'fetch'],
      [() => content.toString(), 'fetch'],
    ] as const) {
      streams = 0
      bodies = []
      fail = how
      expect(await put(make(), send).catch(() => 'an error')).toMatch(/^(503 busy|an error)$/)
      expect(streams).toBe(1)
      expectWhole()
    }
  },
)
