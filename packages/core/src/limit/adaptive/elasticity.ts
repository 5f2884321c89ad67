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
  #pairs = 0
  /** Sums of products over variance: latency by load, load by load, latency by latency. */
  #crossed = 0
  #information = 0
  #squared = 0

  /** `memory`: weight that the past keeps when a pair is added; 0.8 lets about five pairs count. */
  constructor(memory: number) {
    this.#memory = memory
  }

  add({ latency, load, variance }: Comparison): void {
    this.#keep(this.#memory)
    this.#pairs += 1
    this.#crossed += (latency * load) / variance
    this.#information += (load * load) / variance
    this.#squared += (latency * latency) / variance
  }

  /** The limit has moved by so many swings: what was measured elsewhere counts less. */
  fade(swings: number): void {
    this.#keep(Math.exp(-Math.abs(swings)))
  }

  forget(): void {
    this.#keep(0)
  }

  /**
   * How much more the pairs disagree than their own noise explains, as a factor of the variance; at
   * least 1. Large when somebody else moves the latency too, such as instances out of phase.
   */
  get disagreement(): number {
    if (this.#pairs <= 1) return 1
    const residual = this.#squared - this.#crossed ** 2 / this.#information
    return Math.max(1, residual / (this.#pairs - 1))
  }

  /** NaN while nothing is known. */
  get estimate(): number {
    return this.#crossed / this.#information
  }

  /** Of the estimate; Infinity while nothing is known. */
  get variance(): number {
    return this.disagreement / this.#information
  }

  /** The estimate plus so many standard errors; Infinity while nothing is known. */
  atMost(standardErrors: number, disagreement: number = this.disagreement): number {
    if (this.#information === 0) return Infinity
    const error = Math.sqrt(disagreement / this.#information)
    return this.#crossed / this.#information + standardErrors * error
  }

  /**
   * Whether the elasticity is smaller, by two standard errors. There is none below 0: an estimate
   * that lies there is noise, and makes nothing surer.
   */
  isSurelyBelow(bound: number): boolean {
    return Math.max(0, this.estimate) + 2 * Math.sqrt(this.variance) < bound
  }

  #keep(ratio: number): void {
    this.#pairs *= ratio
    this.#crossed *= ratio
    this.#information *= ratio
    this.#squared *= ratio
  }
}
