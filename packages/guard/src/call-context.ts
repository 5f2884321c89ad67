import { hasStoodStill } from '@spillway/circuit-breaker'
import type { Clock, Durations, Outcome } from '@spillway/core'
import type { Circuit } from './circuit.ts'
import type { Expiries } from './expiries.ts'
import type { Classify } from './options.ts'

/** What the calls of one guard share. */
export interface CallContext {
  readonly timeoutMs: number
  readonly clock: Clock
  readonly classify: Classify
  readonly expiries: Expiries
  readonly circuit: Circuit | undefined
  readonly counts: CallCounts
  /** What calls take that succeed, those of each workload. */
  readonly usual: Pick<Durations, 'add' | 'of'>
}

export interface CallCounts {
  /** Calls that hold a permit. */
  running: number
  /** Those of them whose caller has left. */
  abandoned: number
  /** Calls that succeeded after their time was up, since the start. */
  late: number
  /** Calls whose time was up while the guard did not enforce, since the start. */
  wouldHaveTimedOut: number
}

/**
 * Whether a call was given less time than such calls take, so that it says nothing about load when it runs
 * out of it. Callers choose their deadlines, and those may come from anybody: if such calls counted
 * as dropped, a few hundred of them a second would take the limit down to its minimum.
 */
export function hadNoChance(grantedMs: number, usualMs: number): boolean {
  return grantedMs < usualMs
}

/**
 * What a call tells the limit whose time ran out: it is lost, unless the process noticed late that it
 * had stood still, or the call had too little time and tells what it would have told otherwise.
 */
export function lossOutcome(
  grantedMs: number,
  lateMs: number,
  usualMs: number,
  otherwise: Outcome,
): Outcome {
  if (hasStoodStill(lateMs)) return 'ignored'
  return hadNoChance(grantedMs, usualMs) ? otherwise : 'dropped'
}
