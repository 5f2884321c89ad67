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
  /** The fastest of them. */
  fastestMs: number
}

/** A call waits in line if it takes more than so many times what the fastest took. */
const waitingRatio = 1.15
/** A recovery ends where calls take this part of their callers' patience, whether they wait or not. */
const mostLateness = 0.4

/**
 * The limit with which a recovery ends at this call, if it does. Latency follows the calls in flight,
 * and each has doubled before it is seen: so the limit becomes what would have taken a third of the
 * patience. A downstream whose calls take that by themselves does not end it.
 */
export function endOfRecovery(
  { inFlight, durationMs, patienceMs }: Sample,
  { fastestMs }: Recovery,
  limit: number,
): number | undefined {
  const isWaiting = durationMs > waitingRatio * fastestMs
  const lateness = durationMs / patienceMs
  if (lateness <= goodLateness || (lateness <= mostLateness && !isWaiting)) return undefined
  return Math.min(limit, (goodLateness / lateness) * inFlight)
}

/**
 * A recovery that ended in another blackout went too far; while nothing at all comes back, nothing is
 * learned, and cutting what it leads to would never end.
 */
export function nextTarget({ hasGrown, target }: Recovery, limit: number): number {
  return hasGrown ? blackoutCut * limit : target
}
