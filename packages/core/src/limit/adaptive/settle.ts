import type { AdaptiveReason, Decision } from './reason.ts'

/** What is known when a pair of slots has ended. */
export interface Evidence {
  readonly limit: number
  /** By which part the experiment raises and lowers the limit. */
  readonly swing: number
  /** Elasticity by the recent pairs. */
  readonly elasticity: number
  /** Variance of that elasticity. */
  readonly variance: number
  /** Mean part of their callers' patience that calls take. */
  readonly latenessRatio: number
  /** What the last pair or two say, plus a standard error. */
  readonly latestAtMost: number
}

/** Elasticity at which a limit of ten settles: most of the experiment is past the knee. */
const settledElasticity = 0.9
const referenceLimit = 10
/** By how much less a limit settles at that is e times as large. */
const sharing = 0.15
/** Limits of fifty and more settle at the same: below, throughput would be lost. */
const leastNeutral = 0.66
/** Part of the swing that a deviation of 1 moves the limit by. */
const gain = 1.2
/**
 * The same far below the knee. Larger steps, not a larger swing: an instance that swings more than the
 * others before one downstream sees less of its slope, and would grow at their expense.
 */
const farGain = 3
/** How many times its variance the square of a deviation must be for half of it to count. */
const doubt = 1.5
/** An elasticity that is surely smaller, or by this much below the neutral one: far below the knee. */
const farBelowKnee = 0.5
const farBelowNeutral = 0.35
/** Lateness from which latency weighs more than throughput, and by how much at the most. */
const tolerableLateness = 0.2
const maxLatenessDiscount = 0.2
const latenessWeight = 0.5

/**
 * The elasticity that leaves the limit alone. Lower when calls take much of their callers' patience:
 * waiting inside the downstream then turns answers into late ones.
 */
export function neutralElasticity(limit: number, latenessRatio: number): number {
  const discount = latenessWeight * Math.max(0, latenessRatio - tolerableLateness)
  const shared = settledElasticity - sharing * Math.log(limit / referenceLimit)
  return Math.max(leastNeutral, shared - Math.min(maxLatenessDiscount, discount))
}

/**
 * One move of the settled limit:
 *
 *     d ln L = 1.2 * swing * (neutral(L) - s'),  neutral(L) = 0.9 - 0.15 ln(L / 10)
 *     s' = n + d^3 / (d^2 + 1.5 var),            n = neutral(10), d = s - n
 *
 * Far below the knee it is 3 in place of 1.2. The swing is the yardstick because s runs from 0 to 1 over its width when the knee lies inside.
 * The target is below 1, the elasticity of pure waiting, and above 0.5, which would maximise power
 * (Kleinrock 1979): too much concurrency costs some latency, too little costs throughput.
 *
 * The logarithm lets the larger of two limits shrink while the smaller grows, so that instances that
 * share a database converge (Chiu and Jain 1989: additive increase, multiplicative decrease). It
 * works against the noise of each instance's own measurement, so what lies within that noise is
 * shrunk away: s' and not s.
 */
export function decideMove(evidence: Evidence): Decision {
  const { limit, swing, latenessRatio } = evidence
  const step = (isFarBelowKnee(evidence) ? farGain : gain) * swing
  const factor = Math.exp(step * (neutralElasticity(limit, latenessRatio) - believed(evidence)))
  return { limit: limit * factor, reason: reasonFor(factor) }
}

/** The knee has surely moved up: calls are refused for nothing. */
function isFarBelowKnee({ limit, latenessRatio, latestAtMost }: Evidence): boolean {
  return (
    latestAtMost < Math.min(farBelowKnee, neutralElasticity(limit, latenessRatio) - farBelowNeutral)
  )
}

function believed({ elasticity, variance, latenessRatio }: Evidence): number {
  const reference = neutralElasticity(referenceLimit, latenessRatio)
  const deviation = Math.max(-0.5, Math.min(2, elasticity)) - reference
  const squared = deviation * deviation
  // A deviation of exactly nothing, known exactly, is 0 / 0.
  return squared === 0
    ? reference
    : reference + (deviation * squared) / (squared + doubt * variance)
}

function reasonFor(factor: number): AdaptiveReason {
  if (factor > 1.01) return 'concurrency_helps'
  return factor < 0.99 ? 'concurrency_hurts' : 'at_the_knee'
}

/** Before anything is known about the noise. */
export const firstSwing = 0.1
const maxNoiseSwing = 0.25
const maxFallingSwing = 0.3
const maxRisingSwing = 0.25
/** After a rise of latency there are fewer calls to learn from. */
const leastSwingAfterRise = 0.15

/** A large limit is measured by many calls: a smaller experiment tells as much and costs less. */
export function minSwing(limit: number): number {
  return Math.max(0.05, Math.min(firstSwing, 0.4 / Math.sqrt(limit)))
}

/** The downstream itself has changed, and with it perhaps the knee: look further. */
export function swingAfterJump(swing: number, jump: 'latency_rose' | 'latency_fell'): number {
  return jump === 'latency_fell' ? maxRisingSwing : Math.max(swing, leastSwingAfterRise)
}

/**
 * The next swing. At least what makes the difference between the slots stand out of their noise.
 * Slowly wider while even the lowered slot is past the knee, where lowering costs nothing.
 */
export function nextSwing(swing: number, evidence: Evidence, noise: number): number {
  const { limit, elasticity } = evidence
  const neutral = neutralElasticity(limit, evidence.latenessRatio)
  const least = Math.max(minSwing(limit), Math.min(maxNoiseSwing, 0.9 * noise))
  const isFree = elasticity > neutral + 0.02
  return Math.max(least, Math.min(maxFallingSwing, swing * (isFree ? 1.2 : 0.8)))
}
