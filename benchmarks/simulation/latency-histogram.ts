const minMs = 0.1
const bucketsPerDecade = 90
const decades = 6
const bucketCount = bucketsPerDecade * decades

/** Latencies from 0.1 ms to 100 s in steps of 2.6 %, one histogram per slice of time. */
export class LatencyHistogram {
  readonly #sliceMs: number
  readonly #slices: Uint32Array[] = []

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs
  }

  add(nowMs: number, latencyMs: number): void {
    const index = Math.floor(nowMs / this.#sliceMs)
    while (this.#slices.length <= index) this.#slices.push(new Uint32Array(bucketCount))
    const slice = this.#slices[index]!
    const bucket = bucketOf(latencyMs)
    slice[bucket] = slice[bucket]! + 1
  }

  /** Of all latencies that were added within [fromMs, toMs); NaN when there were none. */
  percentile(fromMs: number, toMs: number, ratio: number): number {
    const sums = new Float64Array(bucketCount)
    let total = 0
    const last = Math.min(this.#slices.length, Math.ceil(toMs / this.#sliceMs))
    for (let index = Math.floor(fromMs / this.#sliceMs); index < last; index += 1) {
      const slice = this.#slices[index]!
      for (let bucket = 0; bucket < bucketCount; bucket += 1) {
        sums[bucket]! += slice[bucket]!
        total += slice[bucket]!
      }
    }
    return total === 0 ? Number.NaN : valueAtRank(sums, ratio * total)
  }
}

function bucketOf(latencyMs: number): number {
  const bucket = Math.floor(Math.log10(latencyMs / minMs) * bucketsPerDecade)
  return Math.min(bucketCount - 1, Math.max(0, bucket))
}

function valueAtRank(sums: Float64Array, rank: number): number {
  let seen = 0
  for (let bucket = 0; bucket < sums.length; bucket += 1) {
    const count = sums[bucket]!
    if (count > 0 && seen + count >= rank) {
      return minMs * 10 ** ((bucket + (rank - seen) / count) / bucketsPerDecade)
    }
    seen += count
  }
  return minMs * 10 ** decades
}
