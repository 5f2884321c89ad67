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
