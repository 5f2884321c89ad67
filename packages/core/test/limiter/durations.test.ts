import { expect, test } from 'vitest'
import { Durations } from '../../src/limiter/durations.ts'

test('a workload is known by its own calls, and by all as long as there are none', () => {
  const durations = new Durations()
  expect(durations.of('report').value).toBe(0)
  durations.add('item', 20)
  durations.add('item', 20)
  durations.add(undefined, 80)
  expect(durations.of('item').value).toBe(20)
  expect(durations.of('report').value).toBe(40)
  expect(durations.of(undefined)).toBe(durations.all)
})

test('more workloads than there is room for are reckoned like all', () => {
  const durations = new Durations()
  for (let call = 0; call < 1000; call += 1) durations.add(`from outside ${call}`, 10)
  durations.add('one more', 510)
  expect(durations.of('one more')).toBe(durations.all)
  expect(durations.of('from outside 7').value).toBe(10)
})

test('a workload of which no call ends becomes as fast as the others have become', () => {
  const durations = new Durations()
  const add = (calls: number, orderMs: number, itemMs: number): void => {
    for (let call = 0; call < calls; call += 1) {
      durations.add('order', orderMs)
      durations.add('item', itemMs)
    }
  }
  add(100, 40, 20)
  add(20, 1000, 1000)
  expect(durations.of('order').cautious).toBeGreaterThan(800)
  for (let call = 0; call < 200; call += 1) durations.add('item', 50)
  expect(durations.of('order').cautious).toBeLessThan(100)
  expect(durations.of('order').cautious).toBeGreaterThan(40)
})

test('a workload that becomes slow makes no other look slow', () => {
  const durations = new Durations()
  for (let call = 0; call < 100; call += 1) {
    durations.add('item', 20)
    durations.add('report', 300)
  }
  for (let call = 0; call < 100; call += 1) {
    durations.add('item', 20)
    durations.add('report', 3000)
  }
  expect(durations.of('item').cautious).toBeCloseTo(20, 0)
  expect(durations.of('report').cautious).toBeGreaterThan(1500)
})
