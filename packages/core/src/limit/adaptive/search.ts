/** A limit and the logarithm of the mean latency under it. */
export interface SearchPoint {
  readonly limit: number
  readonly latency: number
}

/** What two steps of the search say about the knee: where throughput stops growing. */
export type SearchFinding =
  | { readonly kind: 'knee_above' }
  | { readonly kind: 'knee'; readonly limit: number }
  /** Below both steps, or so near to the smaller that the noise hides it: then it is `otherwise`. */
  | { readonly kind: 'knee_below'; readonly otherwise: number }

/** Ratio of one step to the next. */
export const stepFactor = 1.5
/** Elasticity between two steps above which the larger was past the knee. */
const pastElasticity = 0.5
/** Elasticity above which, within the noise, both were. */
const bothPastElasticity = 0.65
/** A knee is left with this much room: too much concurrency costs latency, too little throughput. */
const kneeMargin = 1.1

/**
 * Below the knee latency does not depend on the limit; above, it grows with it. When the knee lies
 * between two steps it is where the latency began to rise.
 */
export function compareSteps(before: SearchPoint, after: SearchPoint): SearchFinding {
  const isUp = after.limit > before.limit
  const [low, high] = isUp ? [before, after] : [after, before]
  const rise = Math.max(0, high.latency - low.latency)
  const elasticity = rise / Math.log(high.limit / low.limit)
  if (isUp && elasticity < pastElasticity) return { kind: 'knee_above' }
  const knee = Math.max(low.limit, high.limit * Math.exp(-rise))
  const limit = Math.min(high.limit, kneeMargin * knee)
  return elasticity > bothPastElasticity
    ? { kind: 'knee_below', otherwise: limit }
    : { kind: 'knee', limit }
}
