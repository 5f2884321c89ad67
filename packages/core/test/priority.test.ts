import { checkPriority, createLimiter, isPriority, priorities, rankOf } from '@spillway/core'
import { expect, test } from 'vitest'

test('priorities are ranked in the order in which they are listed', () => {
  expect(priorities.map(rankOf)).toEqual([0, 1, 2, 3])
})

test.each(priorities)('%s is a priority', (name) => {
  expect(isPriority(name)).toBe(true)
  expect(() => {
    checkPriority(name)
  }).not.toThrow()
})

test.each(['urgent', '', 'Critical', 'toString', '__proto__', 0, null, undefined, ['low']])(
  '%j is none',
  (name) => {
    expect(isPriority(name)).toBe(false)
  },
)

test('a limiter refuses a priority that does not exist, and has then counted nothing', () => {
  const limiter = createLimiter({ name: 'db' })
  const ask = (): unknown => limiter.tryAcquire({ priority: 'urgent' as never })
  expect(ask).toThrow("Expected `priority` to be one of 'critical', 'high', 'default', 'low'")
  expect(limiter.inFlight).toBe(0)
  expect(limiter.tryAcquire()).toBeDefined()
})
