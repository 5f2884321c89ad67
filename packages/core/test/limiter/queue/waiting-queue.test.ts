import type { PriorityRank } from '@spillway/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { QueueEntry } from '../../../src/limiter/queue-entry.ts'
import { WaitingQueue } from '../../../src/limiter/waiting-queue.ts'
import { entry } from './entry.ts'

const [critical, high, normal, low] = [0, 1, 2, 3] as const

interface Call {
  readonly rank: PriorityRank
  readonly partition?: string
  readonly cost?: number
}

function queueOf(...calls: readonly Call[]): { queue: WaitingQueue; entries: QueueEntry[] } {
  const queue = new WaitingQueue()
  const entries = calls.map(({ rank, partition = '', cost = 1 }) => {
    const fresh = entry({ cost })
    queue.push(fresh, rank, partition)
    return fresh
  })
  return { queue, entries }
}

const call = fc.record({
  rank: fc.constantFrom(critical, high, normal, low),
  partition: fc.constantFrom('a', 'b', 'c', 'd'),
})

describe('the waiting queue', () => {
  test('serves the most important first', () => {
    const calls = [{ rank: low }, { rank: critical }, { rank: normal }, { rank: high }] as const
    const { queue, entries } = queueOf(...calls)
    const served = [1, 2, 3, 4].map(() => entries.indexOf(queue.next(0)!))
    expect(served).toEqual([1, 3, 2, 0])
    expect(queue.next(0)).toBeUndefined()
    expect(queue.size).toBe(0)
  })

  test('lets go of an entry once', () => {
    const { queue, entries } = queueOf({ rank: high }, { rank: high })
    expect(queue.remove(entries[0]!)).toBe(true)
    expect(queue.remove(entries[0]!)).toBe(false)
    expect(queue.size).toBe(1)
    expect(queue.next(0)).toBe(entries[1])
    expect(queue.remove(entries[1]!)).toBe(false)
  })

  test('tells who has waited as long as it may, earliest first, each once', () => {
    const queue = new WaitingQueue()
    expect(queue.nextExpiry()).toBeUndefined()
    const [late, early] = [entry({ expiresAt: 200 }), entry({ expiresAt: 100 })]
    queue.push(late, critical, '')
    queue.push(early, low, '')
    expect(queue.nextExpiry()).toBe(100)
    expect(queue.nextExpired(99)).toBeUndefined()
    expect(queue.nextExpired(500)).toBe(early)
    expect(queue.nextExpired(500)).toBe(late)
    expect(queue.nextExpired(500)).toBeUndefined()
    expect(queue.size).toBe(0)
  })

  test('knows which lane is overloaded, until it has been empty', () => {
    const queue = new WaitingQueue()
    const late = { expiresAt: 100, patienceMs: 100 }
    for (let count = 0; count < 2; count += 1) queue.push(entry(late), high, 'a')
    queue.push(entry({ expiresAt: 120, patienceMs: 100 }), high, 'a')
    const isOverloaded = (rank: PriorityRank, partition: string): boolean =>
      queue.isOverloaded(rank, partition, 100, 110)
    expect(isOverloaded(high, 'a')).toBe(false)
    while (queue.nextExpired(110) !== undefined);
    expect(queue.size).toBe(1)
    queue.push(entry({ enqueuedAt: 110, expiresAt: 210, patienceMs: 100 }), high, 'a')
    queue.next(110)
    expect([isOverloaded(high, 'a'), isOverloaded(high, 'b'), isOverloaded(low, 'a')]).toEqual([
      true,
      false,
      false,
    ])
    queue.next(110)
    expect(isOverloaded(high, 'a')).toBe(false)
  })

  test('knows for whom somebody would have to make room', () => {
    const { queue, entries } = queueOf({ rank: normal })
    expect([critical, high, normal, low].map((rank) => queue.canEvict(rank, ''))).toEqual([
      true,
      true,
      false,
      false,
    ])
    queue.push(entry(), normal, '')
    expect(queue.canEvict(normal, 'another partition')).toBe(true)
    while (queue.next(0) !== undefined);
    expect(entries[0]!.lane).toBeUndefined()
    expect(queue.canEvict(critical, '')).toBe(false)
  })
})

describe('making room in a full queue', () => {
  test('takes the oldest of the least important, whoever came first', () => {
    const { queue, entries } = queueOf({ rank: low }, { rank: high }, { rank: low })
    expect(queue.evict(normal, '')).toBe(entries[0])
    expect(queue.evict(high, '')).toBe(entries[2])
    expect(queue.evict(high, '')).toBeUndefined()
    expect(queue.evict(low, '')).toBeUndefined()
    expect(queue.size).toBe(1)
  })

  test('takes from the crowded partition, for an equal only if that evens things out', () => {
    const noisy = { rank: normal, partition: 'noisy' } as const
    const quiet = { rank: normal, partition: 'quiet' } as const
    const { queue, entries } = queueOf(quiet, noisy, noisy, noisy)
    expect(queue.evict(normal, 'noisy')).toBeUndefined()
    expect(queue.evict(normal, 'quiet')).toBe(entries[1])
    expect(queue.evict(normal, 'quiet')).toBeUndefined()
    expect(queue.evict(high, 'quiet')?.lane).toBeUndefined()
    expect(queue.size).toBe(2)
  })

  test('takes nobody from an empty queue', () => {
    expect(new WaitingQueue().evict(critical, '')).toBeUndefined()
  })

  test('never takes somebody more important, nor an equal of a partition that is no larger', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 30 }), call, (calls, newcomer) => {
        const { queue, entries } = queueOf(...calls)
        const victim = queue.evict(newcomer.rank, newcomer.partition)
        if (victim === undefined) return
        const { rank, partition } = calls[entries.indexOf(victim)]!
        expect(rank).toBeGreaterThanOrEqual(newcomer.rank)
        expect(rank).toBe(Math.max(...calls.map((other) => other.rank)))
        if (rank > newcomer.rank) return
        const lane = (name: string): number =>
          calls.filter((other) => other.rank === rank && other.partition === name).length
        expect(lane(partition)).toBeGreaterThan(lane(newcomer.partition) + 1)
      }),
    )
  })
})

describe('how much work is ahead', () => {
  function ahead(queue: WaitingQueue, { rank, partition = '', cost = 1 }: Call): number {
    return queue.workAhead(rank, { partition, cost, newestFirst: false })
  }

  test('is exactly that before a newcomer when partitions are equally long', () => {
    const lane = (partition: string): Call => ({ rank: normal, partition })
    const { queue } = queueOf(...['a', 'b', 'c', 'a', 'b', 'c'].map(lane), { rank: critical })
    expect(ahead(queue, { rank: normal, partition: 'new' })).toBe(1 + 3)
    expect(ahead(queue, { rank: normal, partition: 'new', cost: 0 })).toBe(1)
    expect(ahead(queue, { rank: normal, partition: 'a' })).toBe(1 + 6)
    expect(queue.workAhead(normal, { partition: 'a', cost: 1, newestFirst: true })).toBe(1)
    expect(ahead(queue, { rank: critical, partition: 'a' })).toBe(1)
    expect(ahead(queue, { rank: low, partition: 'a' })).toBe(7)
  })

  const costs = { equal: fc.constant(1), unlike: fc.constantFrom(0, 1, 20, 300) }

  test.each(['equal', 'unlike'] as const)(
    'is never less than is served first, and never more than waits: calls that are %s',
    (kind) => {
      const costly = fc.record({
        rank: fc.constantFrom(critical, high, normal, low),
        partition: fc.constantFrom('a', 'b', 'c', 'd'),
        cost: costs[kind],
      })
      fc.assert(
        fc.property(
          fc.array(costly, { maxLength: 40 }),
          fc.nat(20),
          costly,
          (calls, served, newcomer) => {
            const { queue, entries } = queueOf(...calls)
            for (let turn = 0; turn < served; turn += 1) queue.next(0)
            const waiting = entries.filter(({ lane }) => lane !== undefined)
            const estimate = ahead(queue, newcomer)
            expect(estimate).toBeLessThanOrEqual(sum(waiting))
            const own = entry({ cost: newcomer.cost })
            queue.push(own, newcomer.rank, newcomer.partition)
            const first: QueueEntry[] = []
            for (let next = queue.next(0)!; next !== own; next = queue.next(0)!) first.push(next)
            // Each of three other partitions may be in the middle of a call by its share.
            const begun = kind === 'equal' ? 0 : 3 * 300
            expect(sum(first)).toBeLessThanOrEqual(estimate + begun)
          },
        ),
      )
    },
  )
})

function sum(entries: readonly QueueEntry[]): number {
  return entries.reduce((total, { cost }) => total + cost, 0)
}
