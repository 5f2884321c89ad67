import { ManualClock } from '@spillway/test-support'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Expiring } from '../src/expiries.ts'
import { Expiries } from '../src/expiries.ts'

class Item implements Expiring {
  readonly expiresAt: number
  place = -1
  expiredAt: number | undefined
  readonly #clock: ManualClock

  constructor(expiresAt: number, clock: ManualClock) {
    this.expiresAt = expiresAt
    this.#clock = clock
  }

  expire(): void {
    this.expiredAt = this.#clock.now()
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), ms: fc.integer({ min: 0, max: 50 }) }),
  fc.record({ kind: fc.constant('remove' as const), pick: fc.nat(20) }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 20 }) }),
)

test('each member expires exactly at its time, unless removed before; the timer is awaited while there are any', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const clock = new ManualClock()
      const expiries = new Expiries(clock)
      const items: Item[] = []
      const removed = new Set<Item>()
      for (const action of steps) {
        if (action.kind === 'add') {
          const item = new Item(clock.now() + action.ms, clock)
          items.push(item)
          expiries.add(item, clock.now())
        } else if (action.kind === 'advance') {
          clock.advance(action.ms)
        } else {
          const item = items[action.pick]
          if (item === undefined || item.expiredAt !== undefined) continue
          removed.add(item)
          expiries.remove(item)
        }
        expect(clock.pendingTimers).toBeLessThanOrEqual(1)
        expect(clock.awaitedTimers).toBe(expiries.size === 0 ? 0 : 1)
      }
      clock.advance(100)
      for (const item of items) {
        expect(item.expiredAt).toBe(removed.has(item) ? undefined : item.expiresAt)
        expect(item.place).toBe(-1)
      }
      expect(expiries.size).toBe(0)
      expect(clock.pendingTimers).toBe(0)
    }),
  )
})
