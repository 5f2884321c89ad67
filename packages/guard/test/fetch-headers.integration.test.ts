import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fixedLimit } from '@spillway/core'
import { fetch as undiciFetch, Headers as UndiciHeaders, Request as UndiciRequest } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardedFetch } from '../src/fetch/index.ts'
import type { CallOptions, GuardOptions } from '../src/index.ts'
import { callHeaders, createGuard } from '../src/index.ts'

let server: Server
let url: string

beforeAll(async () => {
  server = createServer((request, response) => {
    response.end(JSON.stringify(request.headers))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})

afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

const deadline = 'x-envoy-expected-rq-timeout-ms'
const priority = 'x-request-priority'

describe.each([
  ['the global fetch', globalThis.fetch, Request, Headers],
  [
    'undici’s',
    undiciFetch as unknown as typeof globalThis.fetch,
    UndiciRequest as unknown as typeof Request,
    UndiciHeaders as unknown as typeof Headers,
  ],
])('guardedFetch with %s tells the other service', (_, fetch, RequestClass, HeadersClass) => {
  /** The headers as the server saw them. */
  async function seen(
    input: string | URL | Request,
    init?: RequestInit,
    call?: CallOptions,
    options: Partial<GuardOptions> = {},
  ): Promise<IncomingHttpHeaders> {
    const guarded = guardedFetch(createGuard({ name: 'api', ...options }), { fetch })
    const response = await guarded(input, init, call)
    return (await response.json()) as IncomingHttpHeaders
  }

  test('the milliseconds that are left, and the priority', async () => {
    const headers = await seen(url, {}, { deadlineMs: 20_000, priority: 'critical' })
    expect(headers[deadline]).toMatch(/^(20000|1\d{4})$/)
    expect(headers[priority]).toBe('critical')
  })

  test('the guard’s timeout, and no priority, when the call names none', async () => {
    const headers = await seen(new URL(url), undefined, undefined, { timeoutMs: 15_000 })
    expect(headers[deadline]).toMatch(/^1[45]\d{3}$/)
    expect(headers).not.toHaveProperty(priority)
  })

  test('no longer than the guard’s timeout', async () => {
    const headers = await seen(url, {}, { deadlineMs: 60_000 }, { timeoutMs: 15_000 })
    expect(Number(headers[deadline])).toBeLessThanOrEqual(15_000)
  })

  test('what the wait has left', async () => {
    const guard = createGuard({ name: 'api', limit: fixedLimit(1), queue: { maxWaitMs: 5_000 } })
    const permit = guard.limiter.tryAcquire()!
    const answer = guardedFetch(guard, { fetch })(url, {}, { deadlineMs: 10_000 })
    await sleep(300)
    permit.release('ignored')
    const headers = (await (await answer).json()) as IncomingHttpHeaders
    expect(Number(headers[deadline])).toBeLessThanOrEqual(9_701)
  })

  test('the caller’s own word, where it has one', async () => {
    const own = { [deadline]: '7', [priority]: 'low', 'x-mine': 'yes' }
    const call = { deadlineMs: 20_000, priority: 'high' } as const
    const inits = [own, Object.entries(own), new HeadersClass(own)] as RequestInit['headers'][]
    for (const headers of inits)
      expect(await seen(url, { headers: headers! }, call)).toMatchObject(own)
    expect(await seen(new RequestClass(url, { headers: own }), {}, call)).toMatchObject(own)
  })

  test('beside what a Request says', async () => {
    const request = new RequestClass(url, { headers: { 'x-mine': 'yes' } })
    const headers = await seen(request, undefined, { priority: 'high' })
    expect(headers).toMatchObject({ 'x-mine': 'yes', [priority]: 'high' })
  })
})

test('callHeaders do it for another client', async () => {
  const headers = await createGuard({ name: 'api' }).run(
    async (signal, call) => (await fetch(url, { signal, headers: callHeaders(call) })).json(),
    { deadlineMs: 20_000, priority: 'low' },
  )
  expect(headers).toMatchObject({ [deadline]: expect.any(String), [priority]: 'low' })
})
