import type { Evidence } from '@spillway/core'
import { evidenceOf } from '@spillway/core'
import type { BreakerOutcome } from './breaker.ts'
import type { IsFailure } from './options.ts'

/** Slowness and load are no reason to cut a downstream off that is there. */
const outcomes: Readonly<Record<Evidence, BreakerOutcome>> = {
  answered: 'success',
  congested: 'ignored',
  overloaded: 'failure',
  timed_out: 'timeout',
  failed: 'failure',
  unreachable: 'failure',
  not_asked: 'ignored',
}

/** What evidence is to a breaker. */
export function breakerOutcome(evidence: Evidence): BreakerOutcome {
  return outcomes[evidence]
}

/**
 * What a rejected call tells about the downstream. `failure` and `timeout`: it is gone, broken or has
 * no room. `ignored`: it was not asked, or not to the end (a refusal of ours, a caller that left), or
 * the call was stopped there. `success`: anything else was made by an answer.
 */
export function classifyFailure(error: unknown): BreakerOutcome {
  return outcomes[evidenceOf(error)]
}

/** `classifyFailure`, unless `isFailure` knows better. */
export function classify(error: unknown, isFailure: IsFailure): BreakerOutcome {
  const known = isFailure(error)
  if (known === undefined) return classifyFailure(error)
  return known ? 'failure' : 'ignored'
}
