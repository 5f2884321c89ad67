import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import { QueueTimer } from '../../../src/limiter/queue-timer.ts'

function setUp(): { clock: ManualClock; timer: QueueTimer; runs: number[] } {
  const clock = new ManualClock()
  const runs: number[] = []
  const timer = new QueueTimer(clock, () => runs.push(clock.now()))
  return { clock, timer, runs }
}

describe('the timer of a queue', () => {
  test('is one, set to the earliest of all moments', () => {
    const { clock, timer, runs } = setUp()
    for (const dueAt of [300, 100, 200]) timer.noLaterThan(dueAt, 0)
    expect(clock.pendingTimers).toBe(1)
    clock.advance(99)
    expect(runs).toEqual([])
    clock.advance(1000)
    expect(runs).toEqual([100])
    expect(clock.pendingTimers).toBe(0)
  })

  test('never runs before its moment, be it a fraction', () => {
    const { clock, timer, runs } = setUp()
    timer.noLaterThan(10.2, 0)
    clock.advance(10)
    expect(runs).toEqual([])
    clock.advance(1)
    expect(runs).toEqual([11])
  })

  test('counts from now', () => {
    const { clock, timer, runs } = setUp()
    clock.advance(50)
    timer.noLaterThan(80, clock.now())
    clock.advance(30)
    expect(runs).toEqual([80])
  })

  test('can be set again after it has run or was cancelled', () => {
    const { clock, timer, runs } = setUp()
    timer.noLaterThan(10, 0)
    clock.advance(10)
    timer.noLaterThan(30, 10)
    timer.cancel()
    timer.cancel()
    expect(clock.pendingTimers).toBe(0)
    timer.noLaterThan(40, 10)
    clock.advance(100)
    expect(runs).toEqual([10, 40])
  })

  test('is set for no longer than a timer holds, and again until its moment has come', () => {
    const { clock, timer, runs } = setUp()
    timer.noLaterThan(2 ** 32, 0)
    clock.advance(2 ** 31 - 2)
    expect(runs).toEqual([])
    clock.advance(1)
    expect(runs).toEqual([2 ** 31 - 1])
    timer.noLaterThan(2 ** 32, clock.now())
    expect(clock.pendingTimers).toBe(1)
  })

  test('is not set for a moment that never comes', () => {
    const { clock, timer } = setUp()
    timer.noLaterThan(Infinity, 0)
    expect(clock.pendingTimers).toBe(0)
  })
})
