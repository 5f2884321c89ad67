import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ExpiryHeap } from '../../../src/limiter/expiry-heap.ts'
import { Lane } from '../../../src/limiter/lane.ts'
import type { QueueEntry } from '../../../src/limiter/queue-entry.ts'
import { entry } from './entry.ts'

/** A heap beside a plain array of the living that is sorted whenever it is asked. */
class HeapAndModel {
  readonly heap = new ExpiryHeap()
  readonly lane = new Lane(0, '')
  readonly living: QueueEntry[] = []

  push(expiresAt: number): void {
    const fresh = entry({ expiresAt })
    this.lane.push(fresh)
    this.living.push(fresh)
    this.heap.push(fresh, this.living.length)
  }

  leave(pick: number): void {
    const leaving = this.living[pick % this.living.length]
    if (leaving === undefined) return
    this.living.splice(this.living.indexOf(leaving), 1)
    this.lane.unlink(leaving)
  }

  earliest(): number | undefined {
    return this.living.toSorted((a, b) => a.expiresAt - b.expiresAt)[0]?.expiresAt
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 1000 }) }) },
  { weight: 4, arbitrary: fc.record({ leave: fc.nat(500) }) },
)

describe('the expiry heap', () => {
  test('always shows the first of the living to expire', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
        const both = new HeapAndModel()
        for (const action of steps) {
          if ('push' in action) both.push(action.push)
          else both.leave(action.leave)
          expect(both.heap.peek()?.expiresAt).toBe(both.earliest())
          const head = both.heap.peek()
          if (head !== undefined) expect(head.lane).toBe(both.lane)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('keeps its order when it forgets many dead at once', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 200, maxLength: 300 }), (times) => {
        const both = new HeapAndModel()
        for (const expiresAt of times) both.push(expiresAt)
        // Nobody looks, so nothing surfaces: the dead outnumber the living.
        for (let dead = 0; dead < times.length - 20; dead += 1) both.leave(dead * 7)
        both.push(0)
        while (both.living.length > 0) {
          const head = both.heap.peek()!
          expect(head.expiresAt).toBe(both.earliest())
          both.leave(both.living.indexOf(head))
        }
        expect(both.heap.peek()).toBeUndefined()
      }),
      { numRuns: 40 },
    )
  })

  test('does not hold on to calls that left long ago', async () => {
    const both = new HeapAndModel()
    both.push(0)
    const gone: WeakRef<QueueEntry>[] = []
    for (let call = 1; call <= 1000; call += 1) {
      both.push(call)
      gone.push(new WeakRef(both.living[1]!))
      both.leave(1)
    }
    await collectGarbage()
    const held = gone.filter((reference) => reference.deref() !== undefined)
    // The slack of 64 and what one living entry allows for.
    expect(held.length).toBeLessThanOrEqual(70)
  })
})

/** Objects behind a WeakRef live at least until the job that made it has ended. */
async function collectGarbage(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
}
