/** Count, means and variance of what one slot measured. */
export class Moments {
  count = 0
  #sumLatency = 0
  #sumLatencySquared = 0
  #sumLoad = 0

  /** Both are logarithms: of the latency relative to its workload, of the calls in flight. */
  add(latency: number, load: number): void {
    this.count += 1
    this.#sumLatency += latency
    this.#sumLatencySquared += latency * latency
    this.#sumLoad += load
  }

  get latency(): number {
    return this.#sumLatency / this.count
  }

  get load(): number {
    return this.#sumLoad / this.count
  }

  /** Variance of a single latency. */
  get variance(): number {
    return Math.max(0, this.#sumLatencySquared / this.count - this.latency ** 2)
  }
}
