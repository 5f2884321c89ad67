import { createAdaptiveThrottle } from '@spillway/core'
import type { AdaptiveThrottle, Priority } from '@spillway/core'
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
    else throttle.refuse()
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
  for (let index = 0; index < 1000; index += 1) {
    if (!throttle.tryAttempt()) continue
    sent += 1
    throttle.refuse()
  }
  expect(sent).toBeGreaterThan(95)
  expect(sent).toBeLessThan(125)
  expect(throttle.stats()).toMatchObject({ requests: 1000, rejectedTotal: 1000 - sent })
})

/** How many of a hundred calls are sent in a second in which `isAccepted` says what becomes of them. */
function second(
  throttle: AdaptiveThrottle,
  clock: ManualClock,
  isAccepted: (call: number) => boolean,
): number {
  let sent = 0
  for (let call = 0; call < 100; call += 1) {
    clock.advance(10)
    if (!throttle.tryAttempt()) continue
    sent += 1
    if (isAccepted(call)) throttle.accept()
    else throttle.refuse()
  }
  return sent
}

test('lets everything through once a few in a row were accepted', () => {
  const clock = new ManualClock()
  const throttle = createAdaptiveThrottle({ clock, random: draws() })
  for (let index = 0; index < 30; index += 1) second(throttle, clock, () => false)
  const recovery = Array.from({ length: 3 }, () => second(throttle, clock, () => true))
  expect(recovery[0]).toBeGreaterThan(10)
  expect(recovery.slice(1)).toEqual([100, 100])
})

test('a few accepted answers between refusals are no recovery', () => {
  const clock = new ManualClock()
  const throttle = createAdaptiveThrottle({ clock, random: draws() })
  // One in four is accepted: twice as many as that are to be sent.
  const sent = Array.from({ length: 30 }, () => {
    let accepted = 0
    return second(throttle, clock, (call) => call % 4 === 0 && (accepted += 1) <= 25)
  })
  const late = sent.slice(10)
  expect(Math.max(...late)).toBeLessThan(75)
})

test('who asks too little for a streak has everything through after two windows', () => {
  const clock = new ManualClock()
  const throttle = createAdaptiveThrottle({ clock, random: draws(), windowMs: 4000 })
  for (let index = 0; index < 30; index += 1) throttle.refuse()
  let sent = 0
  for (let call = 0; call < 40; call += 1) {
    clock.advance(400)
    const isSent = throttle.tryAttempt()
    if (isSent) throttle.accept()
    if (call >= 20) sent += Number(isSent)
  }
  expect(sent).toBe(20)
})

test('holds the important back last', () => {
  const shares = (['critical', 'high', 'default', 'low'] as Priority[]).map((priority) => {
    const throttle = createAdaptiveThrottle({ clock: new ManualClock(), random: draws() })
    for (let index = 0; index < 10_000; index += 1) {
      if (index % 4 === 0) throttle.accept()
      else throttle.refuse()
    }
    let sent = 0
    for (let index = 0; index < 500; index += 1) sent += Number(throttle.tryAttempt(priority))
    return sent / 500
  })
  // Half is to be held back: 0.5^4, 0.5^2, 0.5, 0.5^0.5.
  for (const [index, share] of [0.94, 0.75, 0.5, 0.29].entries()) {
    expect(Math.abs(shares[index]! - share)).toBeLessThan(0.05)
  }
})

test('holds nothing back from who asks little, nor a burst that is not answered yet', () => {
  const throttle = createAdaptiveThrottle({ clock: new ManualClock(), random: () => 0 })
  for (let index = 0; index < 100; index += 1) expect(throttle.tryAttempt()).toBe(true)
  for (let index = 0; index < 9; index += 1) throttle.refuse()
  expect(throttle.tryAttempt()).toBe(true)
  throttle.refuse()
  expect(throttle.tryAttempt()).toBe(false)
})

test('answers wrong options with their name', () => {
  expect(() => createAdaptiveThrottle({ multiplier: 0.5 })).toThrow(/`multiplier`/)
  expect(() => createAdaptiveThrottle({ maxRejectRatio: 2 })).toThrow(/`maxRejectRatio`/)
  expect(() => createAdaptiveThrottle({ k: 2 } as object)).toThrow(/Unknown option/)
  const stats = createAdaptiveThrottle().stats()
  expect(stats.requests).toBe(0)
})
