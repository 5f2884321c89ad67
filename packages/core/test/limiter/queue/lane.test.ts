import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Lane } from '../../../src/limiter/lane.ts'
import type { QueueEntry } from '../../../src/limiter/queue-entry.ts'
import { entry } from './entry.ts'

function inOrder(lane: Lane): readonly QueueEntry[] {
  const entries: QueueEntry[] = []
  for (let next = lane.oldest; next !== undefined; next = next.newer) entries.push(next)
  return entries
}

function backwards(lane: Lane): readonly QueueEntry[] {
  const entries: QueueEntry[] = []
  for (let next = lane.newest; next !== undefined; next = next.older) entries.push(next)
  return entries
}

describe('a lane', () => {
  test('is a list that can be left anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(20), { nil: undefined })), (leaves) => {
        const lane = new Lane(2, 'a')
        const model: QueueEntry[] = []
        for (const pick of leaves) {
          const leaving = pick === undefined ? undefined : model[pick % model.length]
          if (leaving === undefined) {
            const fresh = entry()
            model.push(fresh)
            lane.push(fresh)
          } else {
            model.splice(model.indexOf(leaving), 1)
            lane.unlink(leaving)
            const { lane: own, older, newer } = leaving
            expect({ own, older, newer }).toEqual({})
          }
          expect(lane.size).toBe(model.length)
          expect(inOrder(lane)).toEqual(model)
          expect(backwards(lane)).toEqual(model.toReversed())
        }
      }),
    )
  })

  test('knows whose entries are its own', () => {
    const lane = new Lane(0, 'a')
    const one = entry()
    lane.push(one)
    expect(one.lane).toBe(lane)
    lane.unlink(one)
    expect(one.lane).toBeUndefined()
  })

  test('gives nobody a turn when nobody waits', () => {
    expect(new Lane(0, 'a').turn(0)).toBeUndefined()
  })

  test('serves the oldest, for however long it has not been empty, while it is in time', () => {
    const { lane, waiting } = laneOf({ count: 3, everyMs: 10 })
    expect(lane.turn(1_000_000)).toBe(waiting[0])
    expect(lane.isOverloaded(100, 1_000_000)).toBe(false)
  })

  test('serves the newest once calls have waited in vain, and those behind them are late', () => {
    const { lane, waiting } = laneOf({ count: 3, everyMs: 10 })
    expire(lane, waiting[0]!, 100)
    expect(lane.turn(100)).toBe(waiting[2])
    expect(lane.isOverloaded(100, 100)).toBe(true)
  })

  test('tries the oldest again after one and a half deadlines', () => {
    const { lane, waiting } = laneOf({ count: 3, everyMs: 10 })
    expire(lane, waiting[0]!, 100)
    lane.turn(100)
    expect(lane.turn(249)).toBe(waiting[2])
    expect(lane.turn(250)).toBe(waiting[1])
  })

  test('waits twice as long, up to six deadlines, before it tries again in vain', () => {
    const lane = new Lane(0, 'a')
    const periods: number[] = []
    let now = 0
    for (let trial = 0; trial < 5; trial += 1) {
      const [first, second] = [1, 2].map(() => entryOf(now))
      for (const one of [first!, second!]) lane.push(one)
      now += 100
      expire(lane, first!, now)
      lane.turn(now)
      const since = now
      while (lane.isOverloaded(100, now)) now += 1
      periods.push(now - since)
      lane.unlink(second!)
    }
    expect(periods).toEqual([150, 300, 600, 600, 600])
    now += 600
    const [first, second] = [1, 2].map(() => entryOf(now))
    for (const one of [first!, second!]) lane.push(one)
    expire(lane, first!, now + 100)
    lane.turn(now + 100)
    expect(lane.isOverloaded(100, now + 249)).toBe(true)
    expect(lane.isOverloaded(100, now + 250)).toBe(false)
  })

  test('serves the oldest when those who waited in vain were the victims of one block', () => {
    const { lane, waiting } = laneOf({ count: 3, everyMs: 60 })
    // Nobody could be run for 115 ms; who came after the block has hardly waited.
    expire(lane, waiting[0]!, 110)
    expect(lane.turn(110)).toBe(waiting[1])
    lane.unlink(waiting[1]!)
    expect(lane.turn(150)).toBe(waiting[2])
  })

  test('is not overloaded for those who are more patient, nor by those who wait but a little', () => {
    const { lane, waiting } = laneOf({ count: 3, everyMs: 10 })
    expire(lane, waiting[0]!, 100)
    lane.turn(100)
    expect(lane.isOverloaded(125, 100)).toBe(true)
    expect(lane.isOverloaded(200, 100)).toBe(false)
    const hurried = laneOf({ count: 3, everyMs: 10, mayWaitWhole: false })
    expire(hurried.lane, hurried.waiting[0]!, 100)
    expect(hurried.lane.turn(100)).toBe(hurried.waiting[1])
  })
})

/** Calls that came one after the other, each with a patience of 100 ms. */
function laneOf(options: {
  readonly count: number
  readonly everyMs: number
  readonly mayWaitWhole?: boolean
}): { readonly lane: Lane; readonly waiting: readonly QueueEntry[] } {
  const { count, everyMs, mayWaitWhole = true } = options
  const lane = new Lane(0, 'a')
  const waiting = Array.from({ length: count }, (_, index) =>
    entryOf(index * everyMs, mayWaitWhole),
  )
  for (const one of waiting) lane.push(one)
  return { lane, waiting }
}

function entryOf(enqueuedAt: number, mayWaitWhole = true): QueueEntry {
  return entry({ enqueuedAt, expiresAt: enqueuedAt + 100, patienceMs: 100, mayWaitWhole })
}

function expire(lane: Lane, one: QueueEntry, now: number): void {
  lane.hasExpired(one, now)
  lane.unlink(one)
}
