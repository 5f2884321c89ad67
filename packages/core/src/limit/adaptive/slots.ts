import type { Clock } from '../../clock.ts'

/** Which half of the experiment runs now. */
export interface Slot {
  /** Both slots of a pair share it. */
  readonly pair: number
  /** Whether this is the pair's second slot. */
  readonly isSecond: boolean
  /** +1: the limit is raised, -1: lowered. */
  readonly sign: 1 | -1
  /** Monotonic milliseconds. */
  readonly startsAt: number
  readonly endsAt: number
}

/**
 * The slot that contains this moment. Slots are cut out of wall-clock time, so that all instances
 * before one database raise and lower together without a message: a lone instance among eight sees
 * an eighth of the slope and would run away. Which half comes first is a hash of the pair's number:
 * the same everywhere, yet in step with no periodic load.
 */
export function slotAt(clock: Clock, now: number, lengthMs: number): Slot {
  const wall = clock.wallNow()
  const index = Math.floor(wall / lengthMs)
  const pair = Math.floor(index / 2)
  const isSecond = index % 2 !== 0
  const endsAt = now + (index + 1) * lengthMs - wall
  return {
    pair,
    isSecond,
    sign: hashBit(pair) !== isSecond ? 1 : -1,
    startsAt: endsAt - lengthMs,
    endsAt,
  }
}

/** One well-mixed bit (the finaliser of MurmurHash3, Appleby, public domain). */
function hashBit(value: number): boolean {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) & 1) === 1
}

/**
 * Half of what a deadline of a second leaves; long against the error of synchronised clocks, since
 * instances that are out of phase do not see each other's experiment.
 */
export const shortestSlotMs = 500
const longestSlotMs = 4000

/** So many calls in a row, and most calls end in the slot or the step that they started in. */
const callsInARow = 2.5

/**
 * A slot holds a few calls in a row. Powers of two of one length, with hysteresis: instances must
 * agree on it without talking.
 */
export function slotLengthMs(current: number, durationMs: number): number {
  let length = current
  while (length < longestSlotMs && length < callsInARow * durationMs) length *= 2
  while (length > shortestSlotMs && length > 6.5 * durationMs) length /= 2
  return length
}
