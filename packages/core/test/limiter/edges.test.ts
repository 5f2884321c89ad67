import { createLimiter, fixedLimit, systemClock } from '@spillway/core'
import type { Limiter, Refusal, Waiter } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { expect, test } from 'vitest'

function setUp(limit: number, maxSize: number): { clock: ManualClock; limiter: Limiter } {
  const clock = new ManualClock()
  const queue = { maxSize }
  return { clock, limiter: createLimiter({ name: 'db', limit: fixedLimit(limit), queue, clock }) }
}

const nobody: Waiter = { admitted: () => undefined, refused: () => undefined }

test('a deadline that Node cannot hold in a timer does not make one run all the time', async () => {
  let timers = 0
  const clock = {
    ...systemClock,
    setTimer: (callback: () => void, delayMs: number): unknown => {
      timers += 1
      return systemClock.setTimer(callback, delayMs)
    },
  }
  const limiter = createLimiter({ name: 'db', limit: fixedLimit(1), clock })
  limiter.tryAcquire()
  limiter.admit({ deadlineMs: 2 ** 33 }, nobody)
  await new Promise((resolve) => setTimeout(resolve, 100))
  limiter.close()
  expect(timers).toBe(1)
})

test('and ends the wait when it comes', () => {
  const { clock, limiter } = setUp(1, 4)
  limiter.tryAcquire()
  const told: string[] = []
  limiter.admit({ deadlineMs: 2 ** 33 }, { ...nobody, refused: ({ reason }) => told.push(reason) })
  clock.advance(2 ** 32)
  expect({ told, timers: clock.pendingTimers }).toEqual({ told: [], timers: 1 })
  clock.advance(2 ** 32)
  expect({ told, timers: clock.pendingTimers }).toEqual({ told: ['waited'], timers: 0 })
})

test('a door says of a quiet partition what `admit` says: it takes the place of a noisy one', () => {
  const { limiter } = setUp(1, 4)
  limiter.tryAcquire()
  for (let call = 0; call < 4; call += 1) limiter.admit({ partition: 'noisy' }, nobody)
  expect(limiter.wouldRefuse({ partition: 'quiet' })).toBeUndefined()
  expect(limiter.admit({ partition: 'quiet' }, nobody).kind).toBe('waiting')
})

test('a door sees the room that a limit that went up has made', () => {
  const clock = new ManualClock()
  const limit = new MovableLimit(1)
  const queue = { maxSize: 1 }
  const limiter = createLimiter({ name: 'db', limit: limit.factory, queue, clock })
  limiter.tryAcquire()
  const told: string[] = []
  limiter.admit({ priority: 'high' }, { ...nobody, admitted: () => told.push('admitted') })
  expect(limiter.wouldRefuse()?.reason).toBe('limit')
  limit.current = 3
  expect(limiter.wouldRefuse()).toBeUndefined()
  expect({ told, inFlight: limiter.inFlight }).toEqual({ told: ['admitted'], inFlight: 2 })
})

test('a door knows as little of an unknown priority as `admit`', () => {
  const { limiter } = setUp(1, 4)
  limiter.close()
  const options = { priority: 'urgent' as never }
  expect(() => limiter.wouldRefuse(options)).toThrow('Expected `priority`')
  expect(() => limiter.admit(options, nobody)).toThrow('Expected `priority`')
})

test.each([{ deadlineMs: NaN }, { maxWaitMs: NaN }, { maxWaitMs: -1 }, { deadlineMs: -Infinity }])(
  '%o is no time to wait, and harms nobody who waits',
  (options) => {
    const { clock, limiter } = setUp(1, 4)
    limiter.tryAcquire()
    const told: string[] = []
    const tell = { ...nobody, refused: ({ reason }: Refusal) => told.push(reason) }
    limiter.admit({ maxWaitMs: 20 }, tell)
    expect(limiter.admit(options, nobody)).toMatchObject({ kind: 'refusal' })
    limiter.admit({ maxWaitMs: 10 }, tell)
    clock.advance(10)
    expect(told).toEqual(['waited'])
    clock.advance(10)
    expect(told).toEqual(['waited', 'waited'])
  },
)

test.each(['toString', 'constructor', '__proto__'])('%s is no priority', (name) => {
  const { limiter } = setUp(1, 4)
  expect(() => limiter.tryAcquire({ priority: name as never })).toThrow('Expected `priority`')
  expect(limiter.inFlight).toBe(0)
})

test('a deadline of Infinity is none: the wait is bounded as without one', () => {
  const { clock, limiter } = setUp(1, 4)
  limiter.tryAcquire()
  const told: string[] = []
  limiter.admit({ deadlineMs: Infinity }, { ...nobody, refused: ({ reason }) => told.push(reason) })
  clock.advance(499)
  expect(told).toEqual([])
  clock.advance(1)
  expect(told).toEqual(['waited'])
})

test('who can no longer be served in time is refused when a permit comes free, not run in vain', () => {
  const { clock, limiter } = setUp(1, 4)
  const first = limiter.tryAcquire()
  clock.advance(20)
  first?.release()
  const slow = limiter.tryAcquire()
  const told: string[] = []
  const tell = (name: string): Waiter => ({
    admitted: () => told.push(`${name} admitted`),
    refused: ({ reason }) => told.push(`${name} ${reason}`),
  })
  limiter.admit({ deadlineMs: 1000 }, tell('early'))
  clock.advance(500)
  limiter.admit({ deadlineMs: 1000 }, tell('late'))
  clock.advance(100)
  slow?.release()
  expect(told).toEqual(['early waited', 'late admitted'])
})

test.each([
  { queue: { maxWaitMs: 0 }, call: {}, reason: 'limit' },
  { queue: {}, call: { maxWaitMs: 0 }, reason: 'limit' },
  { queue: {}, call: { maxWaitMs: 0, deadlineMs: 500, callerDeadlineMs: 400 }, reason: 'limit' },
  { queue: { maxWaitMs: 0 }, call: { deadlineMs: 90 }, reason: 'deadline' },
  { queue: { maxWaitMs: 0 }, call: { callerDeadlineMs: 90 }, reason: 'deadline' },
  { queue: {}, call: { deadlineMs: 90 }, reason: 'deadline' },
])('who may not wait is refused by the limit, if in time: $queue $call', (question) => {
  const clock = new ManualClock()
  const limiter = createLimiter({ name: 'db', limit: fixedLimit(1), queue: question.queue, clock })
  const usual = limiter.tryAcquire()
  clock.advance(100)
  usual?.release()
  limiter.tryAcquire()
  expect(limiter.admit(question.call, nobody)).toMatchObject({ reason: question.reason })
})
