import type { AdaptiveReason, Decision } from './reason.ts'

/** What is known when a pair of slots has ended. */
export interface Evidence {
  readonly limit: number
  /** By which part the experiment raises and lowers the limit. */
  readonly swing: number
  /** Elasticity by the recent pairs, drawn towards the neutral one while there are few. */
  readonly elasticity: number
  /** The same with nothing drawn in, plus two standard errors. */
  readonly elasticityAtMost: number
  /** What the last pair or two say, plus one and a half standard errors. */
  readonly latestAtMost: number
  /** Mean of duration / patience of the calls. */
  readonly latenessRatio: number
}

/** What to do with the limit: move it a little, or search with big steps for a knee that has gone. */
export type Move =
  | ({ readonly kind: 'settle' } & Decision)
  | { readonly kind: 'search'; readonly reason: AdaptiveReason }

/** Elasticity at which a very large limit settles: nine tenths of the experiment is past the knee. */
const settledElasticity = 0.8
/** Growth that is always there, in proportion to the square root of the limit. */
const headroom = 0.4
/** Part of the swing that a deviation of 1 moves the limit by. */
const gain = 1.2
/** An elasticity that is surely smaller than this means that the knee is far above. */
const farBelowKnee = 0.4
/** Calls that take longer than this part of their patience must not get slower. */
export const lateRatio = 0.3
const provenHarmless = 0.1
const lateShrink = 0.99

/** The elasticity that leaves the limit alone, and what it is taken to be while nothing is known. */
export function neutralElasticity(limit: number): number {
  return settledElasticity + headroom / Math.sqrt(limit)
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
export function decideMove(evidence: Evidence): Move {
  const { limit, swing, elasticity, latenessRatio } = evidence
  const isLate = latenessRatio > lateRatio
  if (evidence.latestAtMost < farBelowKnee && !isLate) {
    return { kind: 'search', reason: 'searching_up' }
  }
  const clipped = Math.max(-0.5, Math.min(2, elasticity))
  const factor = Math.exp(gain * swing * (neutralElasticity(limit) - clipped))
  // An instance among many whose clocks disagree sees but a part of the slope, and would grow.
  if (factor > 1 && isLate && evidence.elasticityAtMost > provenHarmless) {
    return { kind: 'settle', limit: limit * lateShrink, reason: 'too_late_to_grow' }
  }
  return { kind: 'settle', limit: limit * factor, reason: reasonFor(factor) }
}

function reasonFor(factor: number): AdaptiveReason {
  if (factor > 1.01) return 'concurrency_helps'
  return factor < 0.99 ? 'concurrency_hurts' : 'at_the_knee'
}

const minSwing = 0.1
const maxNoiseSwing = 0.25
const maxSwing = 0.35

/**
 * The next swing. At least what makes the difference between the slots stand out of their noise;
 * more and more while even the lowered slot is past the knee, where lowering costs nothing and the
 * limit has far to go.
 */
export function nextSwing(swing: number, evidence: Evidence, noise: number): number {
  const isFree = evidence.elasticity > neutralElasticity(evidence.limit) + 0.02
  const least = Math.max(minSwing, Math.min(maxNoiseSwing, 0.9 * noise))
  return Math.max(least, Math.min(maxSwing, swing * (isFree ? 1.2 : 0.8)))
}
