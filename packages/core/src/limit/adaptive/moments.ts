/** Mean latency under a limit, with its uncertainty, and the mean load it was measured at. */
export class Moments {
  count = 0
  #sum = 0
  #sumOfSquares = 0
  #sumLoad = 0

  /** `latency` relative to its workload, `load` in calls in flight. */
  add(latency: number, load: number): void {
    this.count += 1
    this.#sum += latency
    this.#sumOfSquares += latency * latency
    this.#sumLoad += load
  }

  get mean(): number {
    return this.#sum / this.count
  }

  /** Logarithm of the mean latency. */
  get latency(): number {
    return Math.log(this.mean)
  }

  /** Logarithm of the mean load. */
  get load(): number {
    return Math.log(this.#sumLoad / this.count)
  }

  /** Variance of `latency`, by the delta method. */
  get variance(): number {
    const { count, mean } = this
    const single = Math.max(0, this.#sumOfSquares / count - mean * mean)
    return (single / (mean * mean) + 1e-4) / count
  }
}
