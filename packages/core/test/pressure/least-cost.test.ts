import { expect, test } from 'vitest'
import { LeastCost } from '../../src/pressure/least-cost.ts'

function costOf(slices: readonly (readonly [ran: number, tookMs: number])[]): number {
  const cost = new LeastCost()
  for (const [ran, tookMs] of slices) cost.learn(ran, tookMs)
  return cost.ms
}

const times = <T>(count: number, value: T): readonly T[] =>
  Array.from({ length: count }, () => value)

test('nothing is said of a request before three slices, nor of slices in which nobody ran', () => {
  expect(costOf([])).toBe(0)
  expect(costOf(times(2, [1, 50]))).toBe(0)
  expect(costOf(times(9, [0, 50]))).toBe(0)
  expect(costOf(times(3, [10, 20]))).toBe(2)
})

test('the quick ones tell, and a block tells hardly anything', () => {
  const quick = times(10, [20, 10] as const)
  expect(costOf([...quick, [1, 300]])).toBeCloseTo(0.51)
  expect(costOf([...times(10, [1, 300] as const), ...quick])).toBe(0.5)
})

test('when all have become dearer it is known in time', () => {
  expect(costOf([...times(10, [20, 10] as const), ...times(250, [1, 50] as const)])).toBe(50)
})

test('slices that took no time do not keep it at nothing for ever', () => {
  expect(costOf([...times(10, [3, 0] as const), ...times(500, [1, 50] as const)])).toBe(50)
})
