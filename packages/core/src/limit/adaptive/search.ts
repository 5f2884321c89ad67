/** A limit, the logarithm of the mean latency under it and the variance of that. */
export interface SearchPoint {
  readonly limit: number
  readonly latency: number
  readonly variance: number
}

/** What two steps of the search say about the knee: where throughput stops growing. */
export type SearchFinding =
  | { readonly kind: 'knee_above' }
  | { readonly kind: 'knee'; readonly limit: number }
  /** Below both steps, or so near to the smaller that the noise hides it: then it is `otherwise`. */
  | { readonly kind: 'knee_below'; readonly otherwise: number }
  /** Too noisy to say; `limit` is the one that is known to be good. */
  | { readonly kind: 'unclear'; readonly limit: number; readonly elasticity: number }

/** Ratio of one step to the next. */
export const stepFactor = 1.5
/** Of the first: few calls fit under a low limit, so only a large step stands out of their noise. */
const firstStepFactor = 2
/**
 * Elasticity between two steps above which the larger was past the knee. Low, since an instance that
 * joins seven others moves the load of their database by a fraction of its own step.
 */
const pastElasticity = 0.2
/** Elasticity above which, within the noise, both were. */
const bothPastElasticity = 0.65
/** A knee is left with this much room: too much concurrency costs latency, too little throughput. */
const kneeMargin = 1.1

/** Ratio of the next step up to this one; `previous`: the one before it, if any. */
export function stepFactorAfter(previous: SearchPoint | undefined): number {
  return previous === undefined ? firstStepFactor : stepFactor
}

/** Below the knee latency does not depend on the limit; above, it grows with it. */
export function compareSteps(before: SearchPoint, after: SearchPoint): SearchFinding {
  const isUp = after.limit > before.limit
  const [low, high] = isUp ? [before, after] : [after, before]
  const step = Math.log(high.limit / low.limit)
  const elasticity = (high.latency - low.latency) / step
  const error = Math.sqrt(high.variance + low.variance) / step
  if (isUp && Math.abs(elasticity - pastElasticity) < error) {
    return { kind: 'unclear', limit: low.limit, elasticity }
  }
  if (isUp && elasticity < pastElasticity) return { kind: 'knee_above' }
  const limit = kneeBetween(low, high)
  return elasticity > bothPastElasticity
    ? { kind: 'knee_below', otherwise: limit }
    : { kind: 'knee', limit }
}

/**
 * Whether the next step is a larger one. When time is up and it is still unclear, the likelier of the
 * two: a step too far is noticed by the next one, a step too few costs throughput until the slow
 * experiment afterwards has made up for it.
 */
export function leadsUp(finding: SearchFinding): boolean {
  if (finding.kind !== 'unclear') return finding.kind === 'knee_above'
  return finding.elasticity < (pastElasticity + bothPastElasticity) / 2
}

/** Past the knee latency grows with the limit: the knee is where it began to, plus some room. */
function kneeBetween(low: SearchPoint, high: SearchPoint): number {
  const rise = Math.max(0, high.latency - low.latency)
  const knee = Math.max(low.limit, high.limit * Math.exp(-rise))
  return Math.min(high.limit, kneeMargin * knee)
}
