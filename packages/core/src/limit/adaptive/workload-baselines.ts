/** More workloads than this share one baseline: names may come from outside. */
const maxWorkloads = 256
const shared = ''
/** The first calls of a workload are averaged as they come: there is nothing yet to measure them by. */
const learningCount = 60
/** Calls of a round that replace a baseline; fewer move it by their part. */
const replacingCount = 20
/** A call that took more than this many times the usual counts as this many: outliers carry noise. */
const maxRatio = 4

interface Baseline {
  /** Usual latency in milliseconds. */
  level: number
  total: number
  /** Of the ratios of this round, outliers cut off. */
  sum: number
  /** The same with the outliers. */
  wholeSum: number
  count: number
}

/**
 * What a call of each workload usually takes. A sample is measured against its own workload, so a
 * change of the mix (more reports, fewer look-ups) does not look like congestion. Constant while a
 * round is being measured: only ratios within a round are ever used.
 */
export class WorkloadBaselines {
  readonly #baselines = new Map<string, Baseline>()
  #index = 0

  /** Logarithm by which usual latencies have risen since the start, whatever the mix. */
  get index(): number {
    return this.#index
  }

  /** The latency as a multiple of what its workload usually takes. */
  relative(workload: string | undefined, latencyMs: number): number {
    const baseline = this.#of(workload ?? shared)
    baseline.total += 1
    if (baseline.total <= learningCount) {
      baseline.level += (latencyMs - baseline.level) / baseline.total
    }
    const whole = baseline.level > 0 ? latencyMs / baseline.level : 1
    const ratio = Math.min(maxRatio, whole)
    baseline.sum += ratio
    baseline.wholeSum += whole
    baseline.count += 1
    return ratio
  }

  /** Forgets what the round has seen. */
  dropRound(): void {
    for (const baseline of this.#baselines.values()) startRound(baseline)
  }

  /** Moves the baselines to what the round has seen. */
  endRound(): void {
    this.#move(({ sum }) => sum)
  }

  /**
   * The same when all calls have changed at once: then the large ratios are no outliers, and by them
   * alone it would take a round for each factor of four. Returns the logarithm of the change.
   */
  jump(): number {
    const before = this.#index
    this.#move(({ wholeSum }) => wholeSum)
    return this.#index - before
  }

  #move(sumOf: (baseline: Baseline) => number): void {
    let rise = 0
    let calls = 0
    for (const baseline of this.#baselines.values()) {
      if (baseline.count === 0) continue
      const ratio = Math.min(1, baseline.count / replacingCount)
      const factor = 1 + ratio * (sumOf(baseline) / baseline.count - 1)
      baseline.level *= factor
      rise += baseline.count * Math.log(factor)
      calls += baseline.count
      startRound(baseline)
    }
    if (calls > 0) this.#index += rise / calls
  }

  #of(workload: string): Baseline {
    const known = this.#baselines.get(workload)
    if (known !== undefined) return known
    const name = this.#baselines.size < maxWorkloads ? workload : shared
    const fallback = this.#baselines.get(name)
    if (fallback !== undefined) return fallback
    const fresh = { level: 0, total: 0, sum: 0, wholeSum: 0, count: 0 }
    this.#baselines.set(name, fresh)
    return fresh
  }
}

function startRound(baseline: Baseline): void {
  baseline.sum = 0
  baseline.wholeSum = 0
  baseline.count = 0
}
