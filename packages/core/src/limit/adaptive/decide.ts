/** A limit and why it is that. */
export interface Decision {
  readonly limit: number
  readonly reason: AdaptiveReason
}

export type AdaptiveReason =
  | 'initial'
  | 'growing'
  | 'knee_found'
  | 'concurrency_helps'
  | 'at_the_knee'
  | 'concurrency_hurts'
  | 'searching_down'
  | 'too_late_to_grow'
  | 'not_limiting'
  | 'latency_changed'
  | 'blackout'
  | 'recovering'

/** Elasticity at which a very large limit settles. */
const settledElasticity = 0.8
/** Growth that is always there, relative to the square root of the limit. */
const headroom = 0.4
const gain = 1.2

/** The elasticity that leaves the limit alone; what it is taken to be while nothing is known. */
export function neutralElasticity(limit: number): number {
  return settledElasticity + headroom / Math.sqrt(limit)
}

/**
 * One move of the settled limit: d ln L = gain * swing * (neutral - s), neutral = 0.8 + 0.4 / sqrt(L).
 * The swing of the experiment is the yardstick because s goes from 0 to 1 over its width when a knee
 * lies inside. The term in sqrt(L) makes instances that share a database converge to equal limits.
 */
export function settle(limit: number, elasticity: number, swing: number): Decision {
  const clipped = Math.max(-0.5, Math.min(2, elasticity))
  const factor = Math.exp(gain * swing * (neutralElasticity(limit) - clipped))
  return { limit: limit * factor, reason: reasonFor(factor) }
}

function reasonFor(factor: number): AdaptiveReason {
  if (factor > 1.01) return 'concurrency_helps'
  return factor < 0.99 ? 'concurrency_hurts' : 'at_the_knee'
}

/** Elasticity of a search step above which the larger limit was past the knee. */
const stepElasticity = 0.5
/** A knee is left with this much room: too much concurrency costs latency, too little throughput. */
const kneeMargin = 1.1

/** What a search step found. */
export type SearchFinding =
  | { readonly kind: 'below_the_knee' }
  | { readonly kind: 'above_the_knee' }
  | { readonly kind: 'knee'; readonly limit: number }

/** A limit and the mean logarithm of the latency under it. */
export interface SearchPoint {
  readonly limit: number
  readonly latency: number
}

/**
 * Compares two steps of the search. Below the knee latency does not depend on the limit; above, it
 * grows with it. If the steps lie on both sides, the knee is where the latency began to rise.
 */
export function compareSteps(before: SearchPoint, after: SearchPoint): SearchFinding {
  const [low, high] = before.limit < after.limit ? [before, after] : [after, before]
  const rise = high.latency - low.latency
  const isPast = rise >= stepElasticity * Math.log(high.limit / low.limit)
  const grew = after === high
  if (grew && !isPast) return { kind: 'below_the_knee' }
  if (!grew && isPast) return { kind: 'above_the_knee' }
  const knee = Math.max(low.limit, high.limit * Math.exp(-Math.max(0, rise)))
  return { kind: 'knee', limit: Math.min(high.limit, kneeMargin * knee) }
}
