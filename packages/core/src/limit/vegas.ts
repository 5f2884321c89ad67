import {
  functionOption,
  integerBetween,
  knownKeys,
  numberBetween,
  positiveInteger,
} from '../options.ts'
import type { Limit, LimitFactory, Sample } from './limit.ts'

export interface VegasLimitOptions {
  /** @default 20, the original's */
  readonly initialLimit?: number
  /** @default 1000, the original's */
  readonly maxLimit?: number
  /** Weight of a new limit against the old one. @default 1, the original's: no smoothing */
  readonly smoothingRatio?: number
  /** Baseline is measured anew every 0.5 to 1 times this many samples per unit of limit. @default 30 */
  readonly probeMultiplier?: number
  /** Numbers from 0 to 1 that spread the measuring of the baseline. @default Math.random */
  readonly random?: () => number
}

type VegasOptions = Required<VegasLimitOptions>

/** Why the limit is what it is. */
export type VegasReason =
  | 'initial'
  | 'baseline'
  | 'dropped'
  | 'app_limited'
  | 'no_queue'
  | 'growing'
  | 'shrinking'
  | 'steady'

export interface VegasDecision {
  readonly limit: number
  readonly reason: VegasReason
}

/**
 * Delay-based, as TCP Vegas (Brakmo and Peterson, 1995), after VegasLimit of Netflix's
 * concurrency-limits. With the baseline `b` (smallest duration since it was last reset), duration
 * `R` and `u = max(1, floor(log10 L))`, the calls that queue in the downstream are
 *
 *     q = ceil(L * (1 - b / R))
 *
 * - dropped: `L - u`
 * - less than half the limit in use: hold
 * - `q <= u`: `L + 6u`, nothing queues; `q < 3u`: `L + u`; `q > 6u`: `L - u`; otherwise hold
 *
 * A service that becomes slower looks like a queue to it: the limit sinks although the right
 * concurrency is unchanged. Single fast calls poison `b`; wrap it in `windowedLimit`.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function vegasLimit(options: VegasLimitOptions = {}): LimitFactory {
  const parsed = parseOptions(options)
  return () => new VegasLimit(parsed)
}

function parseOptions(options: VegasLimitOptions): VegasOptions {
  const known = ['initialLimit', 'maxLimit', 'smoothingRatio', 'probeMultiplier', 'random'] as const
  knownKeys('vegasLimit', options, known)
  const { maxLimit = 1000, smoothingRatio = 1, probeMultiplier = 30 } = options
  positiveInteger('maxLimit', maxLimit)
  // oxlint-disable-next-line no-restricted-properties -- the default of an injected source
  const { initialLimit = Math.min(20, maxLimit), random = Math.random } = options
  return {
    initialLimit: integerBetween('initialLimit', initialLimit, 1, maxLimit),
    maxLimit,
    smoothingRatio: numberBetween('smoothingRatio', smoothingRatio, 0.001, 1),
    probeMultiplier: positiveInteger('probeMultiplier', probeMultiplier),
    random: functionOption('random', random),
  }
}

/** The rule alone, without bounds and smoothing. */
export function decideVegas(
  limit: number,
  baselineMs: number,
  sample: Pick<Sample, 'durationMs' | 'inFlight' | 'outcome'>,
): VegasDecision {
  const unit = Math.max(1, Math.floor(Math.log10(limit)))
  if (sample.outcome === 'dropped') return { limit: limit - unit, reason: 'dropped' }
  if (sample.inFlight * 2 < limit) return { limit, reason: 'app_limited' }
  const queued = Math.ceil(limit * (1 - baselineMs / sample.durationMs))
  if (queued <= unit) return { limit: limit + 6 * unit, reason: 'no_queue' }
  if (queued < 3 * unit) return { limit: limit + unit, reason: 'growing' }
  if (queued > 6 * unit) return { limit: limit - unit, reason: 'shrinking' }
  return { limit, reason: 'steady' }
}

class VegasLimit implements Limit {
  readonly algorithm = 'vegas'
  reason: VegasReason = 'initial'
  readonly #options: VegasOptions
  #estimate: number
  #baselineMs = Infinity
  #samples = 0
  #jitter: number

  constructor(options: VegasOptions) {
    this.#options = options
    this.#estimate = options.initialLimit
    this.#jitter = this.#drawJitter()
  }

  get current(): number {
    return Math.floor(this.#estimate)
  }

  at(): number {
    return Math.floor(this.#estimate)
  }

  onSample(sample: Sample): void {
    if (sample.outcome === 'ignored') return
    this.#samples += 1
    if (this.#isBaseline(sample.durationMs)) return
    const { limit, reason } = decideVegas(this.#estimate, this.#baselineMs, sample)
    this.reason = reason
    if (limit === this.#estimate) return
    const { maxLimit, smoothingRatio } = this.#options
    const bounded = Math.min(maxLimit, Math.max(1, limit))
    this.#estimate += smoothingRatio * (bounded - this.#estimate)
  }

  /** Whether the sample became the baseline, by turn or because it is the fastest yet. */
  #isBaseline(durationMs: number): boolean {
    const due = this.#samples >= this.#jitter * this.#options.probeMultiplier * this.#estimate
    if (!due && durationMs >= this.#baselineMs) return false
    this.#baselineMs = durationMs
    if (due) {
      this.#samples = 0
      this.#jitter = this.#drawJitter()
    }
    this.reason = 'baseline'
    return true
  }

  #drawJitter(): number {
    return 0.5 + 0.5 * this.#options.random()
  }
}
