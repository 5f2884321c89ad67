import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Permit, Refusal, Waiter } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const failure = new Error('a mistake of the waiter')
const throwing: Waiter = {
  admitted: () => {
    throw failure
  },
  refused: () => {
    throw failure
  },
}

let clock: ManualClock
let limiter: Limiter
let told: string[]
let surfaced: unknown[]

beforeEach(() => {
  clock = new ManualClock()
  limiter = createLimiter({ name: 'db', limit: fixedLimit(1), clock })
  told = []
  surfaced = []
  // What a microtask throws is an uncaught exception, with which the runner would end the test.
  vi.stubGlobal('queueMicrotask', (task: () => void) => {
    void Promise.resolve()
      .then(task)
      .catch((error: unknown) => surfaced.push(error))
  })
})

afterEach(async () => {
  await Promise.resolve()
  await Promise.resolve()
  vi.unstubAllGlobals()
  expect(surfaced).toEqual([failure])
})

function noting(name: string): Waiter {
  return {
    admitted: (permit: Permit) => {
      told.push(`${name} admitted`)
      permit.release()
    },
    refused: ({ reason }: Refusal) => told.push(`${name} ${reason}`),
  }
}

test('a waiter that throws when its time is up keeps nobody else waiting', () => {
  limiter.tryAcquire()
  limiter.admit({ maxWaitMs: 100 }, throwing)
  limiter.admit({ maxWaitMs: 100 }, noting('second'))
  limiter.admit({ maxWaitMs: 200 }, noting('third'))
  clock.advance(100)
  expect(told).toEqual(['second waited'])
  clock.advance(100)
  expect(told).toEqual(['second waited', 'third waited'])
  expect(limiter.queued).toBe(0)
  expect(clock.pendingTimers).toBe(0)
})

test('a waiter that throws when it is admitted keeps no permit, and does not fail who released', () => {
  const permit = limiter.tryAcquire()
  limiter.admit({}, throwing)
  limiter.admit({}, noting('second'))
  permit?.release()
  expect(told).toEqual(['second admitted'])
  expect(limiter.inFlight).toBe(0)
})

test('a waiter that throws when the limiter closes does not stop the closing', () => {
  limiter.tryAcquire()
  limiter.admit({}, throwing)
  limiter.admit({}, noting('second'))
  limiter.close()
  expect(told).toEqual(['second closed'])
  expect(clock.pendingTimers).toBe(0)
})

test('a waiter that throws when it is cancelled does not fail who cancels', () => {
  limiter.tryAcquire()
  const controller = new AbortController()
  limiter.admit({ signal: controller.signal }, throwing)
  controller.abort()
  expect(limiter.queued).toBe(0)
})
