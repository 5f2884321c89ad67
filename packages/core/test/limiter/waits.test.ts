import type { AcquireOptions } from '@spillway/core'
import { createLimiter, fixedLimit } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

/** How long a call waits at the most behind one that does not end. */
function longestWaitMs(queueMaxWaitMs: number | undefined, options: AcquireOptions): number {
  const clock = new ManualClock()
  const queue = queueMaxWaitMs === undefined ? {} : { maxWaitMs: queueMaxWaitMs }
  const limiter = createLimiter({ name: 'db', limit: fixedLimit(1), queue, clock })
  limiter.tryAcquire()
  let toldAt = NaN
  const refused = (): void => void (toldAt = clock.now())
  limiter.admit(options, { admitted: () => undefined, refused })
  clock.advance(1_000_000)
  expect(clock.pendingTimers).toBe(0)
  return toldAt
}

describe('a call waits as long as the queue lets it', () => {
  test.each([
    { queue: undefined, call: {}, ms: 500 },
    { queue: 3000, call: {}, ms: 3000 },
    { queue: 200, call: {}, ms: 200 },
    { queue: 60_000, call: { deadlineMs: Infinity }, ms: 60_000 },
    // The call's own bound only ever shortens.
    { queue: 3000, call: { maxWaitMs: 700 }, ms: 700 },
    { queue: 3000, call: { maxWaitMs: 9000 }, ms: 3000 },
    { queue: undefined, call: { maxWaitMs: 3000 }, ms: 500 },
    { queue: undefined, call: { maxWaitMs: 100 }, ms: 100 },
    // A deadline is kept, whatever the queue would allow.
    { queue: 3000, call: { deadlineMs: 1000 }, ms: 950 },
    { queue: 3000, call: { deadlineMs: 10_000 }, ms: 3000 },
    { queue: undefined, call: { deadlineMs: 10_000 }, ms: 9500 },
    { queue: undefined, call: { deadlineMs: 10_000, maxWaitMs: 800 }, ms: 800 },
  ])('queue $queue, call $call: $ms ms', ({ queue, call, ms }) => {
    expect(longestWaitMs(queue, call)).toBe(ms)
  })
})

test('a wait is estimated by the permits that there are now, of which an experiment may have added some', () => {
  const clock = new ManualClock()
  const limit = new (class extends MovableLimit {
    override at(): number {
      return 2 * this.current
    }
  })(1)
  const limiter = createLimiter({ name: 'db', limit: limit.factory, clock })
  const call = { deadlineMs: 1000 }
  const teach = limiter.tryAcquire(call)!
  clock.advance(600)
  teach.release('success')
  limiter.tryAcquire(call)
  limiter.tryAcquire(call)
  // One comes free every 300 ms, and 350 are left to wait.
  expect(limiter.wouldRefuse(call)).toBeUndefined()
})

describe('callers that ask again as soon as they are answered', () => {
  test.each([
    { callers: 200, workMs: 2, options: {} },
    { callers: 40, workMs: 20, options: { deadlineMs: 1000 } },
    { callers: 20, workMs: 5, options: { deadlineMs: 150 } },
    { callers: 300, workMs: 10, options: { deadlineMs: 4000 } },
  ])('$callers of $workMs ms, $options: nobody is refused, for however long', (one) => {
    const clock = new ManualClock()
    const limiter = createLimiter({ name: 'db', limit: fixedLimit(1), clock })
    const refused: string[] = []
    let answered = 0
    const ask = (): void => {
      const run = (permit: { release(): void }): void => {
        clock.setTimer(() => {
          answered += 1
          permit.release()
          if (clock.now() < 30_000) ask()
        }, one.workMs)
      }
      const admission = limiter.admit(one.options, {
        admitted: run,
        refused: ({ reason }) => void refused.push(reason),
      })
      if (admission.kind === 'permit') run(admission)
      if (admission.kind === 'refusal') refused.push(admission.reason)
    }
    for (let caller = 0; caller < one.callers; caller += 1) ask()
    clock.advance(60_000)
    expect(refused).toEqual([])
    expect(answered).toBeGreaterThanOrEqual(30_000 / one.workMs)
  })
})
