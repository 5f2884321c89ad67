/** What a pair of slots says: by how much latency and load differed, and how sure that is. */
export interface Comparison {
  /** Difference of the logarithms of the mean latency. */
  readonly latency: number
  /** Difference of the logarithms of the mean load. */
  readonly load: number
  /** Variance of `latency`. */
  readonly variance: number
}

/**
 * How latency answers to load: the elasticity s = d log R / d log N, by weighted least squares over
 * the recent pairs. By Little's law X = N / R, so d log X / d log N = 1 - s: s = 0 means that one
 * more call in flight is one more call served, s = 1 that it only waits, s > 1 that it does harm.
 */
export class Elasticity {
  readonly #memory: number
  #weighted = 0
  #information = 0

  /** `memory`: weight that the past keeps when a pair is added; 0.8 lets about five pairs count. */
  constructor(memory: number) {
    this.#memory = memory
  }

  add({ latency, load, variance }: Comparison): void {
    this.#weighted = this.#memory * this.#weighted + (latency * load) / variance
    this.#information = this.#memory * this.#information + (load * load) / variance
  }

  /** The limit has moved by so many swings: what was measured elsewhere counts less. */
  fade(swings: number): void {
    const kept = Math.exp(-Math.abs(swings))
    this.#weighted *= kept
    this.#information *= kept
  }

  forget(): void {
    this.#weighted = 0
    this.#information = 0
  }

  /** The estimate, drawn towards `prior` as if that had been seen with this much information. */
  towards(prior: number, priorInformation: number): number {
    return (this.#weighted + prior * priorInformation) / (this.#information + priorInformation)
  }

  /** The estimate plus so many standard errors; Infinity while nothing is known. */
  atMost(standardErrors: number): number {
    if (this.#information === 0) return Infinity
    return this.#weighted / this.#information + standardErrors / Math.sqrt(this.#information)
  }
}
