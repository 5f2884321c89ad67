/** As many calls tell how long calls take at present. */
const size = 32
/** The fastest quarter. */
const lowRank = size / 4
/** Ranks within one standard error of the quarter: sqrt(32 * 1/4 * 3/4) = 2.4. */
const rankError = 2

/** What the last calls took, in logarithms, each with its standard error. */
export interface Latency {
  /** Of the mean. */
  readonly mean: number
  readonly meanError: number
  /** Of the fastest quarter: what a change of the mix hardly moves. */
  readonly low: number
  readonly lowError: number
}

/** The last calls: a ring, so that a sample costs one write. */
export class RecentCalls {
  readonly #latencies = new Float64Array(size)
  readonly #inFlight = new Float64Array(size)
  #count = 0

  get isFull(): boolean {
    return this.#count >= size
  }

  /** Mean of the calls in flight under which they ran. */
  get load(): number {
    return this.#inFlight.reduce((sum, calls) => sum + calls, 0) / size
  }

  add(latency: number, inFlight: number): void {
    const place = this.#count % size
    this.#latencies[place] = latency
    this.#inFlight[place] = inFlight
    this.#count += 1
  }

  /** Only of a full ring. */
  latency(): Latency {
    const sorted = this.#latencies.toSorted()
    const mean = sorted.reduce((sum, latency) => sum + latency, 0) / size
    const squared = sorted.reduce((sum, latency) => sum + (latency - mean) ** 2, 0) / size
    const logAt = (rank: number): number => Math.log(sorted[rank]!)
    return {
      mean: Math.log(mean),
      meanError: Math.sqrt(squared / size) / mean,
      low: logAt(lowRank),
      lowError: (logAt(lowRank + rankError) - logAt(lowRank - rankError)) / 2,
    }
  }
}
