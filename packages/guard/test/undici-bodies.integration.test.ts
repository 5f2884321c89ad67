import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import {
  Agent,
  buildConnector,
  fetch as undiciFetch,
  FormData as UndiciFormData,
  getGlobalDispatcher,
  interceptors,
  request,
  setGlobalDispatcher,
} from 'undici'
import type { Dispatcher } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { attemptHeader, retryBudget } from '../src/undici/index.ts'
import type { StoringServer } from './storing-server.ts'
import { failureKinds, startStoringServer } from './storing-server.ts'

// More than goes out in one piece.
const content = Buffer.alloc(300_000, 'the whole document, ')
const chunks = [0, 1, 2, 3].map((index) => content.subarray(index * 75_000, (index + 1) * 75_000))

type MakeBody = () => unknown
const held: Record<string, MakeBody> = {
  'a string': () => content.toString(),
  'a Buffer': () => Buffer.from(content),
  'a Uint8Array': () => new Uint8Array(content),
  'an ArrayBuffer': () => new Uint8Array(content).buffer,
  'a Blob': () => new Blob([content]),
}
const readOnce: Record<string, MakeBody> = {
  'a ReadableStream': () => ReadableStream.from(chunks),
  'an async generator': async function* () {
    yield* chunks
  },
  'a generator': function* () {
    yield* chunks
  },
  'a Readable': () => Readable.from(chunks),
  'an undici FormData': () => formData(new UndiciFormData()),
}
const fetchable: Record<string, MakeBody> = {
  'a string': held['a string']!,
  'a Buffer': held['a Buffer']!,
  'a Uint8Array': held['a Uint8Array']!,
  'an ArrayBuffer': held['an ArrayBuffer']!,
  'a Blob': held['a Blob']!,
  'a ReadableStream': readOnce['a ReadableStream']!,
  'an async generator': readOnce['an async generator']!,
  URLSearchParams: () => new URLSearchParams({ content: content.toString() }),
}

function formData<T extends { append(name: string, value: string): void }>(form: T): T {
  form.append('content', content.toString())
  return form
}

interface Client {
  readonly name: string
  readonly bodies: readonly { name: string; make: MakeBody; isReplayable: boolean }[]
  /** What the caller is told: a status and a text, or `error`. */
  put(url: string, body: unknown, dispatcher: Dispatcher, headers?: object): Promise<string>
}

const listed = (bodies: Record<string, MakeBody>, isReplayable: boolean): Client['bodies'] =>
  Object.entries(bodies).map(([name, make]) => ({ name, make, isReplayable }))

const clients: Client[] = [
  {
    name: 'undici’s request',
    bodies: [...listed(held, true), ...listed(readOnce, false)],
    async put(url, body, dispatcher, headers = {}) {
      const options = { method: 'PUT', body, dispatcher, headers } as Parameters<typeof request>[1]
      const response = await request(url, options)
      return `${response.statusCode} ${await response.body.text()}`
    },
  },
  {
    name: 'undici’s fetch',
    bodies: listed({ ...fetchable, 'a FormData': () => formData(new UndiciFormData()) }, false),
    async put(url, body, dispatcher, headers = {}) {
      const init = { method: 'PUT', body, dispatcher, headers, duplex: 'half' }
      const response = await undiciFetch(url, init as Parameters<typeof undiciFetch>[1])
      return `${response.status} ${await response.text()}`
    },
  },
  {
    name: 'the global fetch',
    bodies: listed({ ...fetchable, 'a FormData': () => formData(new FormData()) }, false),
    async put(url, body, dispatcher, headers = {}) {
      const before = getGlobalDispatcher()
      setGlobalDispatcher(dispatcher)
      try {
        const init = { method: 'PUT', body, headers, duplex: 'half' } as RequestInit
        const response = await fetch(url, init)
        return `${response.status} ${await response.text()}`
      } finally {
        setGlobalDispatcher(before)
      }
    },
  },
]

let server: StoringServer
let deadPort: number
let agent: Agent
/** Whether the next connection is refused: it is tried at a port where nobody listens. */
let isRefused = false

beforeAll(async () => {
  server = await startStoringServer()
  const dead = createServer().listen(0, '127.0.0.1')
  await once(dead, 'listening')
  deadPort = (dead.address() as AddressInfo).port
  dead.close()
  await once(dead, 'close')
})

afterAll(async () => {
  await server.stop()
})

beforeEach(() => {
  const connect = buildConnector({})
  agent = new Agent({
    connect(options, callback) {
      const port = isRefused ? String(deadPort) : options.port
      isRefused = false
      connect({ ...options, port }, callback)
    },
  })
})

afterEach(async () => {
  await agent.destroy()
})

/** With two retries paid for, and no connection left open. */
async function retrying(): Promise<Dispatcher> {
  const dispatcher = agent.compose(
    retryBudget({ retryRatio: 1, throttle: false, baseDelayMs: 5, deadlineMs: 60_000 }),
  )
  for (let paid = 0; paid < 2; paid += 1) {
    await (await request(server.base, { dispatcher, reset: true })).body.dump()
  }
  return dispatcher
}

/** Strange clients and servers aside, a body came in as it is, or in the form of a form. */
function expectWhole(body: Buffer | undefined, name: string): void {
  const text = body!.toString()
  if (name === 'URLSearchParams')
    expect(new URLSearchParams(text).get('content')).toBe(content.toString())
  else if (name.endsWith('FormData')) expect(text).toContain(content.toString())
  else expect(body!.equals(content)).toBe(true)
}

describe.each(clients)('a PUT by $name', ({ bodies, put }) => {
  describe.each(bodies)('of $name', ({ name, make, isReplayable }) => {
    test.each(failureKinds)('after %s: the same bytes again or not at all', async (kind) => {
      const dispatcher = await retrying()
      server.failOnce(kind)
      const told = await put(server.base, make(), dispatcher).catch(() => 'an error')
      for (const body of server.bodies) expectWhole(body, name)
      if (told === '200 stored') expect(server.bodies.length).toBeGreaterThan(0)
      // A connection that is reset before the request is on it counts as none.
      const isUnsent = kind === 'a reset before anything is read'
      if (isReplayable) {
        expect(told).toBe('200 stored')
        expect(server.heads).toHaveLength(isUnsent ? 1 : 2)
      } else if (!isUnsent) {
        expect(told).toMatch(/^(503 busy|an error)$/)
        expect(server.heads).toHaveLength(1)
      }
    })

    test('whose connection was refused is sent whole', async () => {
      const dispatcher = await retrying()
      server.failOnce(undefined)
      isRefused = true
      expect(await put(server.base, make(), dispatcher)).toBe('200 stored')
      expect(isRefused).toBe(false)
      expect(server.bodies).toHaveLength(1)
      expectWhole(server.bodies[0], name)
    })
  })

  test('keeps method and headers', async () => {
    const dispatcher = await retrying()
    server.failOnce(undefined)
    isRefused = true
    const body = ReadableStream.from(chunks)
    const headers = { 'X-Mine': 'yes', 'content-type': 'text/plain' }
    await put(server.base, body, dispatcher, headers)
    expect(server.heads).toEqual([
      {
        method: 'PUT',
        headers: expect.objectContaining({
          'x-mine': 'yes',
          'content-type': 'text/plain',
          'transfer-encoding': 'chunked',
          [attemptHeader]: '2',
        }),
      },
    ])
  })
})

test.each(Object.entries(readOnce).filter(([name]) => name !== 'an undici FormData'))(
  '%s of a stated length is sent whole, or not again',
  async (name, make) => {
    const dispatcher = await retrying()
    const headers = { 'content-length': String(content.length) }
    server.failOnce('503 after the body')
    expect(await clients[0]!.put(server.base, make(), dispatcher, headers)).toBe('503 busy')
    expect(server.heads).toHaveLength(1)
    server.failOnce(undefined)
    isRefused = true
    expect(await clients[0]!.put(server.base, make(), dispatcher, headers)).toBe('200 stored')
    expectWhole(server.bodies[0], name)
    expect(server.heads[0]!.headers['content-length']).toBe(String(content.length))
  },
)

test('undici’s own interceptor stores an empty body in its place, as the docs say', async () => {
  const dispatcher = agent.compose(interceptors.retry({ minTimeout: 5, statusCodes: [503] }))
  server.failOnce('503 after the body')
  const body = ReadableStream.from(chunks)
  expect(await clients[1]!.put(server.base, body, dispatcher)).toBe('200 stored')
  expect(server.bodies.map(({ length }) => length)).toEqual([content.length, 0])
})
