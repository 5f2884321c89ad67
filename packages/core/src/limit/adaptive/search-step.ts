import type { Sample } from '../limit.ts'
import { Moments } from './moments.ts'
import type { SearchPoint } from './search.ts'
import { callsInARow } from './slots.ts'
import { learningCount } from './workload-baselines.ts'
import type { WorkloadBaselines } from './workload-baselines.ts'

/** Variance of the logarithm of the mean latency at which a step knows enough: 7 %. */
const enoughVariance = 0.005
/** And at which more would tell nothing more: 2 %. */
const leastVariance = 0.0004
const minSamples = 12
/** A step ends after this time with what it has got. */
const maxStepMs = 1000
/** A later step in which the limit does not bind ends the search: there is nothing to search for. */
const maxIdleMs = 2000

/** One limit of the search and what the calls under it took. */
export class SearchStep {
  readonly kind = 'search'
  readonly limit: number
  readonly startedAt: number
  /** The step before, to compare with. */
  readonly previous: SearchPoint | undefined
  /** Where to settle should this step turn out to be below the knee: only when searching down. */
  readonly otherwise: number | undefined
  readonly #seen = new Moments()

  constructor(limit: number, startedAt: number, previous?: SearchPoint, otherwise?: number) {
    this.limit = limit
    this.startedAt = startedAt
    this.previous = previous
    this.otherwise = otherwise
  }

  /** `level`: what the baselines already stand for, as a logarithm. */
  point(level: number): SearchPoint {
    const { latency, variance } = this.#seen
    return { limit: this.limit, latency: level + latency, variance }
  }

  /**
   * What latency surely is not above, within 1.5 standard errors: the step's own, and that of the
   * baseline it is measured by. The lowest of half a dozen steps is remembered, so one error is few.
   */
  latencyAtMost(level: number): number {
    const { latency, variance, count } = this.#seen
    return level + latency + 1.5 * Math.sqrt(variance * (1 + count / learningCount))
  }

  observe(sample: Sample, baselines: WorkloadBaselines): void {
    if (sample.startedAt < this.startedAt) return
    if (sample.waitedMs === 0 && sample.inFlight < this.limit) return
    this.#seen.add(baselines.relative(sample.workload, sample.durationMs), sample.inFlight)
  }

  isDone(now: number, callMs: number): boolean {
    if (this.#seen.count < Math.max(minSamples, this.limit)) return false
    const lastedMs = now - this.startedAt
    if (lastedMs > maxStepMs) return true
    // In a shorter step only the short calls would have ended.
    return lastedMs >= callsInARow * callMs && this.#seen.variance <= enoughVariance
  }

  /** Whether more calls may still make it clear. */
  mayGoOn(now: number): boolean {
    return now - this.startedAt <= maxStepMs && this.#seen.variance > leastVariance
  }

  isIdle(now: number): boolean {
    return now - this.startedAt > maxIdleMs
  }
}
