import type { Sample } from '../limit.ts'
import { goodLateness } from './trial.ts'

/** Part of the limit that ended in another blackout to which the next recovery leads. */
const blackoutCut = 0.7

/** After a blackout: one more call for each that came back in good time, up to what is thought good. */
export interface Recovery {
  readonly kind: 'recovery'
  readonly target: number
  /** Calls that started earlier belong to the blackout. */
  readonly since: number
  /** Whether calls have come back since. */
  hasGrown: boolean
}

/**
 * A recovery that ended in another blackout went too far; while nothing at all comes back, nothing is
 * learned, and cutting what it leads to would never end.
 */
export function nextTarget({ hasGrown, target }: Recovery, limit: number): number {
  return hasGrown ? blackoutCut * limit : target
}

/**
 * Where a recovery ends at the first call that is late: latency follows the calls in flight, and each
 * has doubled before it is seen.
 */
export function limitInGoodTime({ inFlight, durationMs, patienceMs }: Sample): number {
  return (goodLateness * patienceMs * inFlight) / durationMs
}
