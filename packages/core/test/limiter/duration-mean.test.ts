import { describe, expect, test } from 'vitest'
import { DurationMean } from '../../src/limiter/duration-mean.ts'

describe('how long calls take', () => {
  test('is nothing before the first one', () => {
    const duration = new DurationMean()
    expect([duration.value, duration.cautious]).toEqual([0, 0])
  })

  test('is the first one after it', () => {
    const duration = new DurationMean()
    duration.add(20)
    expect([duration.value, duration.cautious]).toEqual([20, 20])
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
})
