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
  | 'too_late_to_grow'
  | 'not_limiting'
  | 'latency_changed'
  | 'blackout'
  | 'recovering'

/** Elasticity at which a very large limit settles. */
const settledElasticity = 0.75
/** Part of a deviation that one pair of slots corrects. */
const gain = 0.25
/** Growth that is always there, relative to the square root of the limit. */
const headroom = 0.2

/** What an elasticity is taken to be while nothing is known: the one that leaves the limit alone. */
export function neutralElasticity(limit: number): number {
  return settledElasticity + headroom / gain / Math.sqrt(limit)
}

/**
 * One move of the settled limit: d ln L = gain * (neutral - s), neutral = 0.7 + 0.8 / sqrt(L). The
 * term in sqrt(L) makes instances that share a database converge to equal limits: it is additive
 * increase against multiplicative decrease (Chiu and Jain 1989), scaled as in a queue's headroom.
 */
export function settle(limit: number, elasticity: number): Decision {
  const clipped = Math.max(-0.5, Math.min(1.75, elasticity))
  const factor = Math.exp(gain * (neutralElasticity(limit) - clipped))
  return { limit: limit * factor, reason: reasonFor(factor) }
}

function reasonFor(factor: number): AdaptiveReason {
  if (factor > 1.02) return 'concurrency_helps'
  return factor < 0.98 ? 'concurrency_hurts' : 'at_the_knee'
}

/** Elasticity of a growth step above which the step has gone past the knee. */
const stepElasticity = 0.5

/**
 * Where a growth step ends up: `undefined` while more concurrency still means more throughput, else
 * the knee. Past it latency grows with the load, so it lies where the latency began to rise.
 */
export function kneeOf(from: number, to: number, latencyRise: number): number | undefined {
  const step = Math.log(to / from)
  if (latencyRise < stepElasticity * step) return undefined
  return Math.max(from, to * Math.exp(-Math.max(0, latencyRise)))
}
