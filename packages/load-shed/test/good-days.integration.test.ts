import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { BusyService } from './serve.ts'
import { startBusyService, statuses } from './serve.ts'

// In each, all that is asked takes a tenth of the second that a request may take: a slow machine is no
// reason to refuse anybody.
const fewMs = 0.5
const runForMs = 4000

async function expectNobodyWasRefused({ stats }: BusyService, answered: number): Promise<void> {
  const { refused, admitted, runQueue } = await stats()
  expect(Object.values(refused)).toEqual([0, 0, 0, 0])
  expect(admitted.default).toBe(answered)
  // Or this test would have shown nothing.
  expect(runQueue.admitted.default).toBeGreaterThan(0)
}

test('a full pool of connections, each asking again at once, is no overload', async () => {
  const service = await startBusyService('usual')
  const until = performance.now() + runForMs
  let answered = 0
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const answer = await fetch(`${service.url}/burn?ms=${fewMs}`)
      await answer.arrayBuffer()
      expect(answer.status).toBe(200)
      answered += 1
    }
  }
  await Promise.all(Array.from({ length: 120 }, client))
  await expectNobodyWasRefused(service, answered)
})

test('bursts, larger and smaller, are no overload', async () => {
  const service = await startBusyService('usual')
  const sizes = [100, 97, 100, 91]
  for (const size of sizes) {
    const burst = statuses(size, () => fetch(`${service.url}/burn?ms=${fewMs}`))
    expect(await burst).toEqual({ 200: size })
    await sleep(300)
  }
  await expectNobodyWasRefused(
    service,
    sizes.reduce((sum, size) => sum + size, 0),
  )
})

test('a request that blocks for long, and one that waits for long, harm nobody but by the delay', async () => {
  const service = await startBusyService('usual')
  const rounds = 3
  const waiting = statuses(rounds, () => fetch(`${service.url}/wait?ms=1500`))
  for (let round = 0; round < rounds; round += 1) {
    const block = statuses(1, () => fetch(`${service.url}/burn?ms=200`))
    const quick = statuses(60, () => fetch(`${service.url}/burn?ms=${fewMs}`))
    expect([await block, await quick]).toEqual([{ 200: 1 }, { 200: 60 }])
    await sleep(200)
  }
  expect(await waiting).toEqual({ 200: rounds })
  await expectNobodyWasRefused(service, rounds * 62)
})
