import type { PriorityRank } from '../priority.ts'

/**
 * Pressure at which requests of a priority begin to be refused, by rank. Each is refused with rising
 * probability until `width` higher, where the next more important one is not yet touched. For
 * `eventLoopDelay`, whose pressure is a logarithm, each priority may wait two to three times as long as
 * the one below: so the delay that the more important one keeps up alone is too long for the other.
 */
const starts: Readonly<Record<PriorityRank, number>> = [0.84, 0.66, 0.48, 0.3]
const width = 0.16

/** The least pressure at which anybody is refused. */
export const leastPressure: number = starts[3]

/** The probability with which a request is refused, 0 to 1. */
export function shedRatio(pressure: number, rank: PriorityRank): number {
  return Math.min(1, Math.max(0, (pressure - starts[rank]) / width))
}

/** Weight of a reading that is higher than the readings before, and of one that is lower. */
const risingWeight = 0.5
const fallingWeight = 0.15

/**
 * Pressure after one more reading. It rises within two or three and falls within about ten: what makes
 * it fall may be the refusals themselves, and they must not stop for that.
 */
export function nextPressure(before: number, reading: number): number {
  return before + (reading > before ? risingWeight : fallingWeight) * (reading - before)
}
