import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import { fetch as undiciFetch } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Guard } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { guardedFetch } from '../src/fetch/index.ts'

let server: Server
let base: string
/** Answers of `/slow`: head and half of the body are out, the rest comes when a test says so. */
const open: ServerResponse[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://server')
    const status = Number(url.searchParams.get('status') ?? 200)
    if (url.pathname === '/redirect') {
      response.writeHead(302, { location: '/plain' }).end()
    } else if (url.pathname === '/slow') {
      response.writeHead(status, { 'content-type': 'text/plain' }).write('first ')
      open.push(response)
    } else if (url.pathname !== '/silent') {
      response.writeHead(status, { 'x-answer': '42' }).end(request.method === 'HEAD' ? '' : 'plain')
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(() => {
  for (const response of open.splice(0)) response.destroy()
})

afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

async function until(condition: () => boolean, ms = 5000): Promise<void> {
  const giveUpAt = performance.now() + ms
  while (!condition()) {
    if (performance.now() > giveUpAt)
      throw new Error(`Not so within ${ms} ms: ${String(condition)}`)
    await sleep(5)
  }
}

function api(timeoutMs = 5000): Guard {
  return createGuard({ name: 'api', limit: fixedLimit(2), timeoutMs })
}

describe.each([
  ['the global fetch', globalThis.fetch],
  ['undici’s', undiciFetch as unknown as typeof globalThis.fetch],
])('guardedFetch with %s', (_, fetch) => {
  test('answers like fetch, and holds its permit until the body has been read', async () => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}/slow`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain')
    expect(guard.stats()).toMatchObject({ running: 1, inFlight: 1, abandoned: 0 })
    const text = response.text()
    await sleep(30)
    expect(guard.stats().inFlight).toBe(1)
    open[0]!.end('second')
    expect(await text).toBe('first second')
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats().released).toEqual({ success: 1, dropped: 0, ignored: 0 })
  })

  test('gives the permit back when the caller cancels the body, and the server sees it', async () => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}/slow`)
    const closed = once(open[0]!, 'close')
    await response.body!.cancel()
    await closed
    await until(() => guard.stats().inFlight === 0)
  })

  test('an abort in the middle of the body ends the transfer', async () => {
    const guard = api()
    const controller = new AbortController()
    const { signal } = controller
    const response = await guardedFetch(guard, { fetch })(`${base}/slow`, { signal })
    const closed = once(open[0]!, 'close')
    const text = response.text()
    controller.abort('gone')
    await expect(text).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED', cause: 'gone' })
    await closed
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats()).toMatchObject({ abandoned: 0, released: { ignored: 1 } })
  })

  test('the timeout goes on while the body comes, also one that nobody reads', async () => {
    const guard = api(1000)
    const response = await guardedFetch(guard, { fetch })(`${base}/slow`)
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats().released.dropped).toBe(1)
    await expect(response.text()).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
  })

  test('the caller of a silent server leaves at its deadline', async () => {
    const guard = api()
    const answer = guardedFetch(guard, { fetch })(`${base}/silent`, undefined, { deadlineMs: 50 })
    await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT', reason: 'deadline' })
    await until(() => guard.stats().inFlight === 0)
  })

  test('a body that breaks off is no success', async () => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}/slow`)
    const text = response.text()
    open[0]!.destroy()
    await expect(text).rejects.toThrow()
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats().released).toEqual({ success: 0, dropped: 0, ignored: 1 })
  })

  test.each([
    ['HEAD', '/plain', 200],
    ['GET', '/plain?status=204', 204],
  ])('an answer without a body ends at once: %s %s', async (method, path, status) => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}${path}`, { method })
    expect(response.status).toBe(status)
    await response.text()
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats().released.success).toBe(1)
  })

  test.each([429, 503, 504])('%i is handed out, and counts as dropped', async (status) => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}/plain?status=${status}`)
    expect(response.status).toBe(status)
    expect(await response.text()).toBe('plain')
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats().released.dropped).toBe(1)
  })

  test.each([404, 500])('%i says the downstream answered', async (status) => {
    const guard = api()
    const response = await guardedFetch(guard, { fetch })(`${base}/plain?status=${status}`)
    await response.text()
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats().released.success).toBe(1)
  })

  test('keeps URL and redirection', async () => {
    const response = await guardedFetch(api(), { fetch })(`${base}/redirect`)
    expect(response).toMatchObject({ url: `${base}/plain`, redirected: true, ok: true })
    expect(response.headers.get('x-answer')).toBe('42')
    expect(await response.text()).toBe('plain')
  })

  test('a refused connection is nobody’s overload', async () => {
    const guard = api()
    const dead = createServer().listen(0, '127.0.0.1')
    await once(dead, 'listening')
    const { port } = dead.address() as AddressInfo
    dead.close()
    await once(dead, 'close')
    await expect(guardedFetch(guard, { fetch })(`http://127.0.0.1:${port}`)).rejects.toThrow()
    expect(guard.stats()).toMatchObject({ inFlight: 0, released: { ignored: 1 } })
  })

  test('a refused call asks the server nothing', async () => {
    const guard = createGuard({ name: 'api', limit: fixedLimit(1), queue: { maxSize: 0 } })
    const guarded = guardedFetch(guard, { fetch })
    const response = await guarded(`${base}/slow`)
    await expect(guarded(`${base}/slow`)).rejects.toMatchObject({ code: 'SPW_ERR_LIMIT_EXCEEDED' })
    expect(open).toHaveLength(1)
    await response.body!.cancel()
  })

  test('200 transfers, half of them aborted somewhere: every permit comes back', async () => {
    const guard = createGuard({ name: 'api', limit: fixedLimit(10), queue: { maxWaitMs: 5000 } })
    const guarded = guardedFetch(guard, { fetch })
    const one = async (index: number): Promise<void> => {
      const controller = new AbortController()
      const { signal } = controller
      if (index % 2 === 0) setTimeout(() => controller.abort(), Math.random() * 20)
      const response = await guarded(`${base}/plain`, { signal }, { deadlineMs: 20_000 })
      expect(await response.text()).toBe('plain')
    }
    const answers = await Promise.allSettled(
      Array.from({ length: 200 }, (_item, index) => one(index)),
    )
    const failed = answers.filter(({ status }, index) => status === 'rejected' && index % 2 === 1)
    expect(failed).toEqual([])
    await until(() => guard.stats().inFlight === 0)
    expect(guard.stats()).toMatchObject({ running: 0, abandoned: 0, queued: 0 })
  })
})

test('plain guard.run does when the body is read on the spot', async () => {
  const guard = api()
  const text = await guard.run(async (signal) => (await fetch(`${base}/plain`, { signal })).text())
  expect(text).toBe('plain')
  expect(guard.stats()).toMatchObject({ inFlight: 0, released: { success: 1 } })
})

test('refuses options that it does not know, and a fetch that is none', () => {
  expect(() => guardedFetch(api(), { timeout: 1 } as never)).toThrow('Unknown option')
  expect(() => guardedFetch(api(), { fetch: 'fetch' as never })).toThrow('`fetch`')
})
