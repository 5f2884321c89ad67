import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Answer } from '../src/load/answer.ts'
import { requestOf } from '../src/load/requests.ts'
import type { Stream } from '../src/load/stream.ts'
import { batchSizes, startStream } from '../src/load/stream.ts'

const rate = 40
const deadlineMs = 1000
const endings: (() => void)[] = []

afterEach(() => {
  for (const end of endings.splice(0)) end()
})

async function startServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; arrivals: number[] }> {
  const arrivals: number[] = []
  const server = createServer((request, response) => {
    arrivals.push(performance.now())
    handle(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  endings.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrivals }
}

function start(url: string): { stream: Stream; answers: Answer[]; sent: () => number } {
  const answers: Answer[] = []
  let sent = 0
  const stream = startStream({
    kind: 'order',
    request: requestOf('order'),
    rate,
    url,
    deadlineMs,
    onAnswer: (answer) => {
      answers.push(answer)
    },
    onSent: () => {
      sent += 1
    },
  })
  endings.push(() => {
    stream.stop()
  })
  return { stream, answers, sent: () => sent }
}

describe('batches', () => {
  it.each([1, 6, 49, 50, 51, 234, 1000])('of %i a second add up', (wanted) => {
    const sizes = batchSizes(wanted)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(wanted)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    expect(sizes.length).toBeLessThanOrEqual(50)
  })
})

describe('constant arrivals', () => {
  it('do not wait for answers that never come', async () => {
    const { url, arrivals } = await startServer(() => {})
    const { stream, answers, sent } = start(url)
    await sleep(4500)
    stream.stop()
    const perSecond = (arrivals.length * 1000) / 4500
    expect(perSecond).toBeGreaterThan(rate * 0.8)
    expect(perSecond).toBeLessThan(rate * 1.2)
    expect(answers.length).toBeGreaterThan(0)
    expect(answers.every(({ outcome }) => outcome === 'timed_out')).toBe(true)
    // All but those that are still waiting, one a connection.
    expect(sent() - answers.length).toBeLessThanOrEqual(rate)
  })

  it('account for each request once, whatever becomes of it', async () => {
    let count = 0
    const { url } = await startServer((_request, response) => {
      count += 1
      if (count % 3 === 0) return
      response.statusCode = count % 3 === 1 ? 201 : 503
      response.end('{}')
    })
    const { stream, answers, sent } = start(url)
    await sleep(3500)
    stream.stop()
    const outcomes = new Set(answers.map(({ outcome }) => outcome))
    expect([...outcomes].toSorted()).toEqual(['good', 'refused', 'timed_out'])
    expect(answers.length).toBeLessThanOrEqual(sent())
    expect(sent() - answers.length).toBeLessThanOrEqual(rate)
  })

  it('end with the stream', async () => {
    const { url, arrivals } = await startServer((_request, response) => response.end())
    const { stream } = start(url)
    await sleep(300)
    stream.stop()
    await sleep(100)
    const before = arrivals.length
    expect(before).toBeGreaterThan(0)
    await sleep(1200)
    expect(arrivals.length).toBe(before)
  })
})
