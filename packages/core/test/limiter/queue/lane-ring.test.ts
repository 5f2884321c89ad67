import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LaneRing } from '../../../src/limiter/lane-ring.ts'
import { entry } from './entry.ts'

/** Lanes of these sizes, in the order in which they came. */
function ringOf(sizes: Readonly<Record<string, number>>): LaneRing {
  const ring = new LaneRing(1)
  for (const [partition, size] of Object.entries(sizes)) {
    for (let call = 0; call < size; call += 1) ring.getOrAdd(partition).push(entry())
    ring.size += size
  }
  return ring
}

function turns(ring: LaneRing, count: number): readonly (string | undefined)[] {
  return Array.from({ length: count }, () => ring.take()?.partition)
}

describe('the lanes of a priority', () => {
  test('have turns in the order in which they came, round and round', () => {
    expect(turns(ringOf({ a: 3, b: 1, c: 1 }), 7)).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a'])
  })

  test('share the time that calls take, not the calls', () => {
    const ring = new LaneRing(1)
    const costs = { ping: 0, item: 20, report: 300 }
    for (const [partition, cost] of Object.entries(costs)) {
      for (let call = 0; call < 3; call += 1) ring.getOrAdd(partition).push(entry({ cost }))
    }
    expect(turns(ring, 3)).toEqual(['ping', 'ping', 'ping'])
    ring.remove(ring.get('ping')!)
    const shares = turns(ring, 16 * 10)
    expect(shares.filter((partition) => partition === 'report')).toHaveLength(10)
  })

  test('owe a newcomer nothing for the time in which it did not ask', () => {
    const ring = new LaneRing(1)
    const ask = (partition: string): void => ring.getOrAdd(partition).push(entry({ cost: 10 }))
    ask('a')
    turns(ring, 50)
    ask('new')
    expect(turns(ring, 4)).toEqual(['a', 'new', 'a', 'new'])
  })

  test('make a newcomer wait until everybody else has had a turn', () => {
    const ring = ringOf({ a: 1, b: 1, c: 1 })
    expect(turns(ring, 2)).toEqual(['a', 'b'])
    ring.getOrAdd('new').push(entry())
    expect(turns(ring, 5)).toEqual(['c', 'a', 'b', 'new', 'c'])
  })

  test('are found again until they are empty', () => {
    const ring = new LaneRing(1)
    const lane = ring.getOrAdd('a')
    expect(ring.getOrAdd('a')).toBe(lane)
    expect(ring.get('a')).toBe(lane)
    expect(lane).toMatchObject({ rank: 1, partition: 'a' })
    ring.remove(lane)
    expect(ring.get('a')).toBeUndefined()
    expect(ring.getOrAdd('a')).not.toBe(lane)
  })

  test('nobody is nobody', () => {
    const ring = new LaneRing(1)
    expect(ring.take()).toBeUndefined()
    expect(ring.crowded()).toBeUndefined()
  })

  test('the lane that has just had its turn can go, and so can the next', () => {
    const ring = ringOf({ a: 1, b: 1, c: 1, d: 1 })
    const first = ring.take()!
    ring.remove(first)
    ring.remove(ring.get('b')!)
    expect(turns(ring, 3)).toEqual(['c', 'd', 'c'])
  })

  test('stay a ring in turn order, whoever comes and goes', () => {
    const step = fc.record({
      partition: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      go: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ring = new LaneRing(1)
        // Whose turn is next comes first.
        let model: string[] = []
        for (const { partition, go } of steps) {
          const lane = ring.get(partition)
          if (lane === undefined) {
            ring.getOrAdd(partition)
            model.push(partition)
          } else if (go) {
            ring.remove(lane)
            model = model.filter((name) => name !== partition)
          } else {
            expect(ring.take()?.partition).toBe(model[0])
            model = [...model.slice(1), ...model.slice(0, 1)]
          }
          expect(ring.laneCount).toBe(model.length)
        }
        expect(turns(ring, model.length)).toEqual(model)
      }),
    )
  })

  test('a crowded lane has at least the average number of calls', () => {
    expect(ringOf({ a: 1, b: 7, c: 1 }).crowded()?.partition).toBe('b')
    expect(ringOf({ a: 4 }).crowded()?.partition).toBe('a')
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
        const ring = ringOf(Object.fromEntries(sizes.map((size, index) => [`p${index}`, size])))
        expect(ring.crowded()!.size * sizes.length).toBeGreaterThanOrEqual(ring.size)
      }),
    )
  })
})
