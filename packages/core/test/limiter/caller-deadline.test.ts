import type { Outcome } from '@spillway/core'
import { createLimiter, fixedLimit, priorities } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { fc, test as property } from '@fast-check/vitest'
import { describe, expect, test } from 'vitest'

/** One call: how long after the one before it comes, how long it takes and how it ends. */
interface Arrival {
  readonly afterMs: number
  readonly takesMs: number
  readonly outcome: Outcome
  readonly priority: (typeof priorities)[number]
  readonly partition: string
  readonly callerDeadlineMs: number
}

/** What all but a caller who is given less time can wait and take together. */
const [longestWaitMs, longestCallMs] = [1000, 200]
const enoughMs = 2 * (longestWaitMs + longestCallMs)

const arrivals = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 40 }),
    takesMs: fc.integer({ min: 1, max: longestCallMs }),
    outcome: fc.constantFrom<Outcome>('success', 'dropped', 'ignored'),
    priority: fc.constantFrom(...priorities),
    partition: fc.constantFrom('a', 'b'),
    callerDeadlineMs: fc.oneof(
      fc.integer({ min: enoughMs, max: 2 * enoughMs }),
      fc.constantFrom(1e9, Number.MAX_VALUE, Infinity),
    ),
  }),
  { minLength: 50, maxLength: 400 },
)

/** Everything that becomes of the calls, in order. */
function play(calls: readonly Arrival[], areStrangersHeard: boolean): unknown[] {
  const clock = new ManualClock()
  const limit = new MovableLimit(2)
  const queue = { maxSize: 20, maxWaitMs: longestWaitMs }
  const limiter = createLimiter({ name: 'db', clock, limit: limit.factory, queue })
  const log: unknown[] = []
  calls.forEach(({ afterMs, takesMs, outcome, priority, partition, callerDeadlineMs }, id) => {
    clock.advance(afterMs)
    const start = (permit: { release(how: Outcome): void }): void => {
      log.push(['runs', id, clock.now()])
      clock.setTimer(() => {
        permit.release(outcome)
      }, takesMs)
    }
    const own = { deadlineMs: 5000, priority, partition }
    const admission = limiter.admit(areStrangersHeard ? { ...own, callerDeadlineMs } : own, {
      admitted: start,
      refused: ({ reason }) => log.push(['refused', id, reason, clock.now()]),
    })
    if (admission.kind === 'permit') start(admission)
    if (admission.kind === 'refusal') log.push(['refused', id, admission.reason, clock.now()])
  })
  clock.advance(10_000)
  const samples = limit.samples.map(({ durationMs, waitedMs, patienceMs }) => {
    return { durationMs, waitedMs, patienceMs }
  })
  return [log, samples]
}

describe('the deadline of a caller that may be anybody', () => {
  property.prop([arrivals])(
    'changes nothing for anybody, unless it ends the call: order, evictions, waits, evidence',
    (calls) => {
      expect(play(calls, true)).toEqual(play(calls, false))
    },
  )

  test('puts the newest call of a standing queue ahead of nobody', () => {
    const clock = new ManualClock()
    const limiter = createLimiter({ name: 'db', clock, limit: fixedLimit(1) })
    let running = limiter.tryAcquire()!
    const served: string[] = []
    const wait = (name: string, options: object): void => {
      limiter.admit(options, {
        admitted: (permit) => {
          served.push(name)
          running = permit
        },
        refused: () => served.push(`${name} refused`),
      })
    }
    wait('first', { deadlineMs: 10_000 })
    clock.advance(900)
    wait('hurried', { deadlineMs: 10_000, callerDeadlineMs: 500 })
    running.release('ignored')
    running.release('ignored')
    expect(served).toEqual(['first', 'hurried'])
  })

  test('ends its own wait', async () => {
    const clock = new ManualClock()
    const limiter = createLimiter({ name: 'db', clock, limit: fixedLimit(1) })
    limiter.tryAcquire()
    const waiting = limiter.acquire({ deadlineMs: 10_000, callerDeadlineMs: 200 })
    const ended = expect(waiting).rejects.toMatchObject({ code: 'SPW_ERR_QUEUE_TIMEOUT' })
    clock.advance(200)
    await ended
    expect(limiter.queued).toBe(0)
  })

  test.each([0, -1, -Infinity, Number.NaN])('that is %d is over', async (callerDeadlineMs) => {
    const limiter = createLimiter({ name: 'db', clock: new ManualClock(), limit: fixedLimit(1) })
    const call = limiter.acquire({ callerDeadlineMs })
    await expect(call).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE' })
    expect(limiter.wouldRefuse({ callerDeadlineMs })?.reason).toBe('deadline')
  })
})
