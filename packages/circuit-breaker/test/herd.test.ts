import { expect, test } from 'vitest'
import { defer, down, makeWorld, trip } from './world.ts'

test('of 1,000 callers at the moment of half-open, no more run than the probes allowed', async () => {
  const world = makeWorld()
  const { breaker, clock } = world
  trip(world)
  clock.advance(250)
  let running = 0
  const mostRunning: number[] = []
  const results: PromiseSettledResult<unknown>[] = []
  for (const allowed of [1, 2, 4, 8]) {
    let most = 0
    const gate = defer<void>()
    const callers = Array.from({ length: 1000 }, () =>
      breaker.run(async () => {
        running += 1
        most = Math.max(most, running)
        await gate.promise
        running -= 1
      }),
    )
    expect(breaker.stats().inFlight).toBe(allowed)
    gate.resolve()
    results.push(...(await Promise.allSettled(callers)))
    mostRunning.push(most)
  }
  expect(mostRunning).toEqual([1, 2, 4, 8])
  expect(breaker.state).toBe('closed')
  const refused = results.filter(
    ({ status, ...more }) =>
      status === 'rejected' &&
      'reason' in more &&
      (more.reason as { code: string }).code === 'SPW_ERR_CIRCUIT_OPEN',
  )
  // Nobody was parked: all but the probes had their answer at once.
  expect(refused).toHaveLength(4000 - 15)
})

test('a failing downstream gets one probe for each open time, whatever the crowd', async () => {
  const world = makeWorld()
  const { breaker, clock } = world
  trip(world)
  let calls = 0
  for (let ms = 0; ms < 10_000; ms += 10) {
    clock.advance(10)
    const crowd = Array.from({ length: 10 }, () =>
      breaker.run(async () => {
        calls += 1
        throw down()
      }),
    )
    await Promise.allSettled(crowd)
  }
  // 250 ms, then 400 ms each.
  expect(calls).toBe(25)
})
