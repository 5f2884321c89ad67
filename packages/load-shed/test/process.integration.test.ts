import { setTimeout as sleep } from 'node:timers/promises'
import { HangUpClient } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import { startBusyService, statuses } from './serve.ts'

const stopMs = 8000
const burnMs = 20

describe('a process that stood still', () => {
  test('refuses none of the requests that come when it goes on, nor of those that came meanwhile', async () => {
    const { child, url, stats } = await startBusyService('usual')
    expect(await statuses(3, () => fetch(`${url}/burn?ms=5`))).toEqual({ 200: 3 })
    child.kill('SIGSTOP')
    const meanwhile = statuses(3, () => fetch(`${url}/burn?ms=5`))
    await sleep(stopMs)
    child.kill('SIGCONT')
    expect(await meanwhile).toEqual({ 200: 3 })
    expect(await statuses(7, () => fetch(`${url}/burn?ms=5`))).toEqual({ 200: 7 })
    const { frozen, refused } = await stats()
    expect(frozen).toBeGreaterThan(0)
    expect(Object.values(refused)).toEqual([0, 0, 0, 0])
  })
})

describe('a process whose handlers need more time than there is', () => {
  const burn = (url: string, priority: string): Promise<Response> =>
    fetch(`${url}/burn?ms=${burnMs}`, {
      headers: { 'x-request-priority': priority, 'x-envoy-expected-rq-timeout-ms': '600' },
    })

  test('answers the important ones first, refuses at once who would wait in vain, and says that it lives', async () => {
    const { url, stats } = await startBusyService('usual')
    // Two seconds of work, of which its clients have time for a part.
    const low = statuses(100, () => burn(url, 'low'))
    const order = { method: 'POST', headers: { 'x-envoy-expected-rq-timeout-ms': '10000' } }
    const orders = statuses(10, () => fetch(`${url}/orders`, order))
    const probes = statuses(5, () => fetch(`${url}/livez`))
    expect(await orders).toEqual({ 200: 10 })
    expect(await probes).toEqual({ 200: 5 })
    const answered = await low
    expect(answered[200]! + answered[503]!).toBe(100)
    expect(answered[503]).toBeGreaterThan(20)
    const { runQueue, refused, pressure } = await stats()
    expect(runQueue).toMatchObject({ queued: 0, refused: { critical: { estimated_wait: 0 } } })
    expect(refused).toEqual({ critical: 0, high: 0, default: 0, low: answered[503] })
    expect(pressure).toBeGreaterThan(0)
    expect(await statuses(3, () => fetch(`${url}/burn?ms=1`))).toEqual({ 200: 3 })
  })

  test('does no work for those who have hung up while they waited', async () => {
    const { url, stats } = await startBusyService('usual')
    const port = Number(new URL(url).port)
    const clients = await Promise.all(
      Array.from({ length: 30 }, async () => HangUpClient.connect(port)),
    )
    // The first keeps the process; the others have come, and gone, before it has looked again.
    await clients[0]!.send({ path: '/burn?ms=1000' })
    await sleep(100)
    await Promise.all(clients.slice(1).map((client) => client.send({ path: '/burn?ms=100' })))
    for (const client of clients.slice(1)) client.hangUp()
    expect((await clients[0]!.response()).statusCode).toBe(200)
    expect(await statuses(1, () => fetch(`${url}/burn?ms=1`))).toEqual({ 200: 1 })
    const { runQueue } = await stats()
    expect(runQueue).toMatchObject({ queued: 0 })
    expect(runQueue.admitted.default).toBeLessThan(10)
    for (const client of clients) client.hangUp()
  })

  test('refuses nobody while it observes, and begins when it is told to', async () => {
    const { url, stats } = await startBusyService('observe')
    expect(await statuses(60, () => burn(url, 'low'))).toEqual({ 200: 60 })
    expect((await stats()).mode).toBe('observe')
    await fetch(`${url}/mode?mode=enforce`, { method: 'POST' })
    const answered = await statuses(100, () => burn(url, 'low'))
    expect(answered[503]).toBeGreaterThan(20)
    await fetch(`${url}/mode?mode=off`, { method: 'POST' })
    expect(await statuses(60, () => burn(url, 'low'))).toEqual({ 200: 60 })
  })
})

describe('a process whose heap is nearly full', () => {
  test('sheds load until there is room again, and stays alive and ready', async () => {
    const { url, stats } = await startBusyService('heap', [
      '--max-old-space-size=64',
      '--expose-gc',
    ])
    const ask = async (): Promise<number> => {
      const answer = await fetch(`${url}/burn?ms=0`)
      await answer.arrayBuffer()
      return answer.status
    }
    expect(await ask()).toBe(200)
    // Some megabytes at a time, with a reading or two in between.
    let fills = 0
    while ((await ask()) === 200 && fills < 20) {
      await fetch(`${url}/fill`)
      await sleep(150)
      fills += 1
    }
    const { refused, signals } = await stats()
    expect(refused.default).toBeGreaterThan(0)
    expect(signals['heapUsed']?.ignored).toBe(0)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    await fetch(`${url}/empty`)
    const giveUpAt = performance.now() + 10_000
    while ((await stats()).pressure > 0.2 && performance.now() < giveUpAt) await sleep(50)
    expect(await ask()).toBe(200)
  })
})
