import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leastPressure, nextPressure, shedRatio } from '../../src/pressure/shed-ratio.ts'

const pressure = fc.double({ min: 0, max: 1, noNaN: true })
const ranks = [0, 1, 2, 3] as const

test('more pressure never refuses fewer, and nobody before somebody less important', () => {
  fc.assert(
    fc.property(pressure, pressure, (a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      for (const rank of ranks) {
        expect(shedRatio(high, rank)).toBeGreaterThanOrEqual(shedRatio(low, rank))
        if (rank > 0) {
          const moreImportant = shedRatio(a, (rank - 1) as 0 | 1 | 2)
          if (moreImportant > 0) expect(shedRatio(a, rank)).toBe(1)
        }
      }
    }),
  )
})

test('nobody is refused without pressure, everybody at the end', () => {
  for (const rank of ranks) {
    expect(shedRatio(leastPressure, rank)).toBe(0)
    expect(shedRatio(1, rank)).toBe(1)
  }
})

test('there is no cliff: a little more pressure refuses a little more', () => {
  fc.assert(
    fc.property(pressure, (a) => {
      for (const rank of ranks) {
        expect(shedRatio(a + 0.001, rank) - shedRatio(a, rank)).toBeLessThan(0.01)
      }
    }),
  )
})

test('smoothed pressure rises faster than it falls, and stays between 0 and 1', () => {
  fc.assert(
    fc.property(fc.array(pressure, { minLength: 1, maxLength: 50 }), (readings) => {
      let smoothed = 0
      for (const reading of readings) {
        smoothed = nextPressure(smoothed, reading)
        expect(smoothed).toBeGreaterThanOrEqual(0)
        expect(smoothed).toBeLessThanOrEqual(1)
      }
    }),
  )
  expect(nextPressure(0, 1)).toBeGreaterThan(1 - nextPressure(1, 0))
})
