/** More workloads than this share one baseline: names may come from outside. */
const maxWorkloads = 256
const shared = ''
/** Part of the way that a baseline follows its workload per observation round. */
const followRatio = 0.3

interface Baseline {
  /** Mean logarithm of the latency. */
  level: number
  sum: number
  count: number
}

/**
 * What a call of each workload usually takes, as a mean logarithm. A sample is measured against its
 * own workload, so a change of the mix (more reports, fewer look-ups) does not look like congestion.
 * Constant while a round is being measured: only differences within a round are ever used.
 */
export class WorkloadBaselines {
  readonly #baselines = new Map<string, Baseline>()

  /** Logarithm of a latency relative to its workload. */
  relative(workload: string | undefined, latency: number): number {
    const baseline = this.#of(workload ?? shared, latency)
    const difference = latency - baseline.level
    baseline.sum += difference
    baseline.count += 1
    return difference
  }

  /** Moves the baselines to what the round has seen, a part of the way or, after a jump, all of it. */
  endRound(jumped: boolean): void {
    const ratio = jumped ? 1 : followRatio
    for (const baseline of this.#baselines.values()) {
      if (baseline.count === 0) continue
      baseline.level += (ratio * baseline.sum) / baseline.count
      baseline.sum = 0
      baseline.count = 0
    }
  }

  #of(workload: string, latency: number): Baseline {
    const known = this.#baselines.get(workload)
    if (known !== undefined) return known
    const name = this.#baselines.size < maxWorkloads ? workload : shared
    const fallback = this.#baselines.get(name)
    if (fallback !== undefined) return fallback
    const fresh = { level: latency, sum: 0, count: 0 }
    this.#baselines.set(name, fresh)
    return fresh
  }
}
