import { createAdaptiveThrottle } from '@spillway/core'
import type { Priority } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'

/** Evenly spread draws, the same in every run. */
function draws(): () => number {
  let index = 0
  return () => (index++ * 0.618_033_988_75) % 1
}

test('holds nothing back while half of what is asked is accepted', () => {
  const throttle = createAdaptiveThrottle({ clock: new ManualClock(), random: () => 0 })
  for (let index = 0; index < 1000; index += 1) {
    // An accept for every other attempt, the first included.
    expect(throttle.tryAttempt()).toBe(true)
    if (index % 2 === 0) throttle.accept()
  }
  expect(throttle.stats()).toEqual({
    requests: 1000,
    accepts: 500,
    rejectRatio: 0,
    rejectedTotal: 0,
  })
})

test('holds back nine tenths from a dead downstream, and counts them as asked', () => {
  const throttle = createAdaptiveThrottle({ clock: new ManualClock(), random: draws() })
  let sent = 0
  for (let index = 0; index < 1000; index += 1) sent += Number(throttle.tryAttempt())
  expect(sent).toBeGreaterThan(95)
  expect(sent).toBeLessThan(125)
  expect(throttle.stats()).toMatchObject({ requests: 1000, rejectedTotal: 1000 - sent })
})

test('lets everything through again within 10 s of the recovery', () => {
  const clock = new ManualClock()
  const throttle = createAdaptiveThrottle({ clock, random: draws() })
  const second = (isUp: boolean): number => {
    let sent = 0
    for (let index = 0; index < 100; index += 1) {
      clock.advance(10)
      if (!throttle.tryAttempt()) continue
      sent += 1
      if (isUp) throttle.accept()
    }
    return sent
  }
  for (let index = 0; index < 30; index += 1) second(false)
  const recovery = Array.from({ length: 15 }, () => second(true))
  expect(recovery[0]).toBeLessThan(30)
  expect(recovery.slice(10)).toEqual([100, 100, 100, 100, 100])
})

test('holds the important back last', () => {
  const shares = (['critical', 'high', 'default', 'low'] as Priority[]).map((priority) => {
    const throttle = createAdaptiveThrottle({ clock: new ManualClock(), random: draws() })
    let sent = 0
    for (let index = 0; index < 2000; index += 1) {
      sent += Number(throttle.tryAttempt(priority))
      if (index % 4 === 0) throttle.accept()
    }
    return sent
  })
  expect(shares).toEqual(shares.toSorted((a, b) => b - a))
  expect(shares[0]! / 2000).toBeGreaterThan(0.9)
  expect(shares[3]! / 2000).toBeLessThan(0.4)
})

test('answers wrong options with their name', () => {
  expect(() => createAdaptiveThrottle({ multiplier: 0.5 })).toThrow(/`multiplier`/)
  expect(() => createAdaptiveThrottle({ maxRejectRatio: 2 })).toThrow(/`maxRejectRatio`/)
  expect(() => createAdaptiveThrottle({ k: 2 } as object)).toThrow(/Unknown option/)
  const stats = createAdaptiveThrottle().stats()
  expect(stats.requests).toBe(0)
})
