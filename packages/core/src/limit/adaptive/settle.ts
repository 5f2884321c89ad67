import type { AdaptiveReason, Decision } from './reason.ts'

/** What is known when a pair of slots has ended. */
export interface Evidence {
  readonly limit: number
  /** By which part the experiment raises and lowers the limit. */
  readonly swing: number
  /** Elasticity by the recent pairs, drawn towards the neutral one while there are few. */
  readonly elasticity: number
  /** Mean part of their callers' patience that calls take. */
  readonly latenessRatio: number
  /** What the last pair or two say, plus a standard error. */
  readonly latestAtMost: number
}

/** Elasticity at which a very large limit settles: nine tenths of the experiment is past the knee. */
const settledElasticity = 0.8
/** Growth that is always there, in proportion to the square root of the limit. */
const headroom = 0.4
/** Part of the swing that a deviation of 1 moves the limit by. */
const gain = 1.2
/** An elasticity that is surely smaller than this means that the knee is far above. */
const farBelowKnee = 0.5
/** Lateness from which latency weighs more than throughput, and by how much at the most. */
const tolerableLateness = 0.2
const maxLatenessDiscount = 0.2
const latenessWeight = 0.5

/**
 * The elasticity that leaves the limit alone, and what it is taken to be while nothing is known.
 * Lower when calls take much of their callers' patience: waiting inside the downstream then turns
 * answers into late ones.
 */
export function neutralElasticity(limit: number, latenessRatio: number): number {
  const discount = latenessWeight * Math.max(0, latenessRatio - tolerableLateness)
  return settledElasticity + headroom / Math.sqrt(limit) - Math.min(maxLatenessDiscount, discount)
}

/**
 * One move of the settled limit:
 *
 *     d ln L = 1.2 * swing * (neutral - s),  neutral = 0.8 + 0.4 / sqrt(L)
 *
 * The swing is the yardstick because s runs from 0 to 1 over its width when the knee lies inside.
 * The target is below 1, the elasticity of pure waiting, and above 0.5, which would maximise power
 * (Kleinrock 1979): too much concurrency costs some latency, too little costs throughput. The term
 * in sqrt(L) lets the larger of two limits shrink while the smaller grows, so that instances that
 * share a database converge (Chiu and Jain 1989: additive increase, multiplicative decrease).
 */
export function decideMove(evidence: Evidence): Decision {
  const { limit, swing, elasticity } = evidence
  const clipped = Math.max(-0.5, Math.min(2, elasticity))
  const factor = Math.exp(
    gain * swing * (neutralElasticity(limit, evidence.latenessRatio) - clipped),
  )
  return { limit: limit * factor, reason: reasonFor(factor) }
}

function reasonFor(factor: number): AdaptiveReason {
  if (factor > 1.01) return 'concurrency_helps'
  return factor < 0.99 ? 'concurrency_hurts' : 'at_the_knee'
}

export const minSwing = 0.1
const maxNoiseSwing = 0.25
const maxFallingSwing = 0.35
export const maxRisingSwing = 0.25

/**
 * The next swing. At least what makes the difference between the slots stand out of their noise.
 * Wider while the knee is not inside: at once when it is surely far above, since calls are refused
 * for nothing; slowly while even the lowered slot is past it, where lowering costs nothing.
 */
export function nextSwing(swing: number, evidence: Evidence, noise: number): number {
  const least = Math.max(minSwing, Math.min(maxNoiseSwing, 0.9 * noise))
  if (evidence.latestAtMost < farBelowKnee) {
    return Math.max(least, maxRisingSwing)
  }
  const isFree =
    evidence.elasticity > neutralElasticity(evidence.limit, evidence.latenessRatio) + 0.02
  return Math.max(least, Math.min(maxFallingSwing, swing * (isFree ? 1.2 : 0.8)))
}
