/** What a pair of slots says: by how much latency and load differed, and how sure that is. */
export interface Comparison {
  /** Difference of the mean logarithms of latency. */
  readonly latency: number
  /** Difference of the mean logarithms of load. */
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

  /** The limit has moved by this part of the swing: what was measured elsewhere counts less. */
  fade(swings: number): void {
    const kept = Math.exp(-Math.abs(swings))
    this.#weighted *= kept
    this.#information *= kept
  }

  forget(): void {
    this.#weighted = 0
    this.#information = 0
  }

  /** 1 / variance of the estimate; 0: nothing known. */
  get information(): number {
    return this.#information
  }

  /**
   * The estimate, drawn towards `prior` as if that had been seen with standard error
   * 1 / sqrt(`priorInformation`).
   */
  towards(prior: number, priorInformation: number): number {
    return (this.#weighted + prior * priorInformation) / (this.#information + priorInformation)
  }
}
