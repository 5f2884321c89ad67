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
        const lane = new Lane(2, 'a', 0)
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
    const lane = new Lane(0, 'a', 0)
    const one = entry()
    lane.push(one)
    expect(one.lane).toBe(lane)
    lane.unlink(one)
    expect(one.lane).toBeUndefined()
  })

  test('gives nobody a turn when nobody waits', () => {
    expect(new Lane(0, 'a', 0).turn(0)).toBeUndefined()
  })

  test('serves the oldest while a burst drains, the newest when it has stood too long', () => {
    const lane = new Lane(0, 'a', 1000)
    const [oldest, newest] = [entry({ patienceMs: 100 }), entry({ patienceMs: 100 })]
    lane.push(oldest)
    lane.push(entry({ patienceMs: 100 }))
    lane.push(newest)
    expect(lane.turn(1150)).toBe(oldest)
    expect(lane.turn(1151)).toBe(newest)
  })
})
