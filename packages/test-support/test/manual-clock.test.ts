import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'

test('timers run in the order of their time, each at its own', () => {
  const clock = new ManualClock()
  const runs: number[] = []
  for (const delayMs of [30, 10, 20]) clock.setTimer(() => runs.push(clock.now()), delayMs)
  clock.advance(25)
  expect(runs).toEqual([10, 20])
  expect({ now: clock.now(), pending: clock.pendingTimers }).toEqual({ now: 25, pending: 1 })
})

test('a timer that is set again and again at one moment fails instead of hanging', () => {
  const clock = new ManualClock()
  const again = (): void => {
    clock.setTimer(again, 0)
  }
  again()
  expect(() => {
    clock.advance(1)
  }).toThrow('A timer is set again and again')
})

test('a timer that is set again for later may run as often as it likes', () => {
  const clock = new ManualClock()
  let runs = 0
  const again = (): void => {
    runs += 1
    clock.setTimer(again, 1)
  }
  again()
  clock.advance(20_000)
  expect(runs).toBe(20_001)
})
