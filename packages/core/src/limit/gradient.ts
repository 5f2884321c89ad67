import { integerBetween, knownKeys, numberBetween, positiveInteger } from '../options.ts'
import type { Limit, LimitFactory, Sample } from './limit.ts'
import { windowedLimit } from './windowed.ts'

export interface GradientLimitOptions {
  /** @default 20, the original's */
  readonly initialLimit?: number
  /** @default 20, the original's; too high in front of a pool of 5 */
  readonly minLimit?: number
  /** @default 200, the original's */
  readonly maxLimit?: number
  /** Calls that may queue in the downstream; what it grows by. @default 4, the original's */
  readonly queueSize?: number
  /** How much slower than the long-term mean is still no overload. @default 1.5, the original's */
  readonly tolerance?: number
  /** Weight of a new limit against the old one. @default 0.2, the original's */
  readonly smoothingRatio?: number
  /** Windows that the long-term mean spans. @default 600, the original's: ten minutes */
  readonly longWindow?: number
  /** Window in milliseconds over which durations are averaged. @default 1000, the original's */
  readonly windowMs?: number
}

type GradientOptions = Required<GradientLimitOptions>

/** Why the limit is what it is. */
export type GradientReason = 'initial' | 'app_limited' | 'growing' | 'shrinking'

export interface GradientDecision {
  readonly limit: number
  readonly reason: GradientReason
}

/**
 * Gradient2 of Netflix's concurrency-limits, the one its README recommends for servers. Per window
 * of at least a second and ten calls, with the window's mean duration `S` and its exponential mean
 * over 600 windows `B` (shrunk by 5 % whenever `B > 2S`):
 *
 *     g = clamp(1.5 * B / S, 0.5, 1)
 *     L = 0.8 L + 0.2 (g L + 4), within 20 to 200
 *
 * and no move while less than half the limit is in use. Drops are ignored. Whenever `g > 1 - 4/L`
 * the constant wins, so under a mild overload the limit creeps up; if every call takes the same
 * timeout then `g = 1` and it grows to its maximum.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function gradientLimit(options: GradientLimitOptions = {}): LimitFactory {
  const parsed = parseOptions(options)
  return windowedLimit(() => new GradientLimit(parsed), { windowMs: parsed.windowMs })
}

const known: readonly (keyof GradientLimitOptions)[] = [
  'initialLimit',
  'minLimit',
  'maxLimit',
  'queueSize',
  'tolerance',
  'smoothingRatio',
  'longWindow',
  'windowMs',
]

function parseOptions(options: GradientLimitOptions): GradientOptions {
  knownKeys('gradientLimit', options, known)
  const { minLimit = 20, maxLimit = 200, queueSize = 4, tolerance = 1.5 } = options
  const { smoothingRatio = 0.2, longWindow = 600, windowMs = 1000 } = options
  positiveInteger('minLimit', minLimit)
  integerBetween('maxLimit', maxLimit, minLimit, Number.MAX_SAFE_INTEGER)
  const { initialLimit = Math.min(maxLimit, Math.max(20, minLimit)) } = options
  return {
    initialLimit: integerBetween('initialLimit', initialLimit, minLimit, maxLimit),
    minLimit,
    maxLimit,
    queueSize: integerBetween('queueSize', queueSize, 0, Number.MAX_SAFE_INTEGER),
    tolerance: numberBetween('tolerance', tolerance, 1, Number.MAX_SAFE_INTEGER),
    smoothingRatio: numberBetween('smoothingRatio', smoothingRatio, 0.001, 1),
    longWindow: positiveInteger('longWindow', longWindow),
    windowMs,
  }
}

/** The rule alone, for one window. */
export function decideGradient(
  limit: number,
  longMs: number,
  sample: Pick<Sample, 'durationMs' | 'inFlight'>,
  options: GradientOptions,
): GradientDecision {
  if (sample.inFlight * 2 < limit) return { limit, reason: 'app_limited' }
  const { tolerance, queueSize, smoothingRatio, minLimit, maxLimit } = options
  const gradient = Math.min(1, Math.max(0.5, (tolerance * longMs) / sample.durationMs))
  const smoothed = limit + smoothingRatio * (gradient * limit + queueSize - limit)
  const next = Math.min(maxLimit, Math.max(minLimit, smoothed))
  return { limit: next, reason: next < limit ? 'shrinking' : 'growing' }
}

const warmupWindows = 10

class GradientLimit implements Limit {
  readonly algorithm = 'gradient'
  reason: GradientReason = 'initial'
  readonly #options: GradientOptions
  #estimate: number
  #longMs = 0
  #windows = 0

  constructor(options: GradientOptions) {
    this.#options = options
    this.#estimate = options.initialLimit
  }

  get current(): number {
    return Math.floor(this.#estimate)
  }

  at(): number {
    return Math.floor(this.#estimate)
  }

  onSample(sample: Sample): void {
    this.#remember(sample.durationMs)
    const { limit, reason } = decideGradient(this.#estimate, this.#longMs, sample, this.#options)
    this.#estimate = limit
    this.reason = reason
  }

  /** A plain mean while warming up, then an exponential one; an old high mean is forgotten faster. */
  #remember(durationMs: number): void {
    this.#windows += 1
    const weight =
      this.#windows <= warmupWindows ? 1 / this.#windows : 2 / (this.#options.longWindow + 1)
    this.#longMs += weight * (durationMs - this.#longMs)
    if (this.#longMs > 2 * durationMs) this.#longMs *= 0.95
  }
}
