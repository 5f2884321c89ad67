import { createRetryBudget } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test('pays for one retry with ten first attempts', () => {
  const budget = createRetryBudget({ clock: new ManualClock() })
  for (let index = 0; index < 9; index += 1) budget.countRequest()
  expect(budget.tryRetry()).toBe(false)
  budget.countRequest()
  expect([budget.tryRetry(), budget.tryRetry()]).toEqual([true, false])
  expect(budget.stats()).toEqual({ requests: 10, retries: 1, refusedTotal: 2 })
})

test('forgets what is older than the window, however long it was silent', () => {
  const clock = new ManualClock()
  const budget = createRetryBudget({ clock, windowMs: 1000, retryRatio: 0.5 })
  for (let index = 0; index < 4; index += 1) budget.countRequest()
  clock.advance(899)
  expect(budget.stats().requests).toBe(4)
  clock.advance(101)
  expect(budget.stats().requests).toBe(0)
  expect(budget.tryRetry()).toBe(false)
  budget.countRequest()
  clock.advance(1_000_000_000)
  expect(budget.stats()).toMatchObject({ requests: 0, retries: 0 })
})

const steps = fc.array(
  fc.oneof(fc.constant('request'), fc.constant('retry'), fc.integer({ min: 1, max: 700 })),
  { maxLength: 400 },
)

test('holds its bound at every moment since the start, whatever the traffic', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const clock = new ManualClock()
      const budget = createRetryBudget({ clock, windowMs: 1000 })
      let [requests, retries] = [0, 0]
      for (const step of all) {
        if (typeof step === 'number') clock.advance(step)
        else if (step === 'request') {
          budget.countRequest()
          requests += 1
        } else if (budget.tryRetry()) retries += 1
        expect(retries).toBeLessThanOrEqual(0.1 * requests)
      }
    }),
  )
})

test('answers wrong options with their name', () => {
  expect(() => createRetryBudget({ retryRatio: 2 })).toThrow(/`retryRatio`.*ratio from 0 to 1/)
  expect(() => createRetryBudget({ windowMs: 0 })).toThrow(/`windowMs`/)
  expect(() => createRetryBudget({ window: 1 } as object)).toThrow(/Unknown option/)
})
