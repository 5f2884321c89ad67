import { describe, expect, test } from 'vitest'
import { DurationMean } from '../../src/limiter/duration-mean.ts'

describe('how long calls take', () => {
  test('is nothing before the first one', () => {
    const duration = new DurationMean()
    expect([duration.value, duration.cautious, duration.prudent]).toEqual([0, 0, 0])
  })

  test('one call says nothing about the spread', () => {
    const duration = new DurationMean()
    duration.add(20)
    expect([duration.value, duration.cautious, duration.prudent]).toEqual([20, 20, 20])
  })

  test('is cautious at once when calls become slower, and slow to believe that they are faster', () => {
    const duration = new DurationMean()
    for (let call = 0; call < 200; call += 1) duration.add(20)
    for (let call = 0; call < 8; call += 1) duration.add(200)
    expect(duration.value).toBeCloseTo(47, 0)
    expect(duration.cautious).toBeCloseTo(138, 0)
    for (let call = 0; call < 40; call += 1) duration.add(20)
    expect(duration.cautious).toBe(duration.value)
  })

  test('is prudent by one and a half standard deviations', () => {
    const duration = new DurationMean()
    for (let call = 0; call < 1000; call += 1) duration.add(call % 2 === 0 ? 80 : 120)
    expect(duration.prudent - duration.cautious).toBeCloseTo(30, 0)
  })

  test('and by no more than as much again, however far durations are apart', () => {
    const duration = new DurationMean()
    for (let call = 0; call < 1000; call += 1) duration.add(call % 10 === 0 ? 5000 : 10)
    expect(duration.prudent).toBe(2 * duration.cautious)
  })
})
