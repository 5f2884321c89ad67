import {
  integerBetween,
  knownKeys,
  milliseconds,
  numberBetween,
  positiveInteger,
} from '../options.ts'
import type { Limit, LimitFactory, Sample } from './limit.ts'

export interface AimdLimitOptions {
  /** @default 20, the original's */
  readonly initialLimit?: number
  /** @default 20, the original's: below it a cut costs more than it protects */
  readonly minLimit?: number
  /** @default 200, the original's */
  readonly maxLimit?: number
  /** Factor of a cut. @default 0.9, the original's */
  readonly backoffRatio?: number
  /** A call slower than this counts as dropped. @default 5000, the original's; too late for most */
  readonly timeoutMs?: number
}

type AimdOptions = Required<AimdLimitOptions>

/** Why the limit is what it is. */
export type AimdReason = 'initial' | 'dropped' | 'slow' | 'growing' | 'app_limited'

export interface AimdDecision {
  readonly limit: number
  readonly reason: AimdReason
}

/**
 * Additive increase, multiplicative decrease, as in TCP Reno (Jacobson, SIGCOMM 1988), with the
 * constants of AIMDLimit in Netflix's concurrency-limits. Per finished call:
 *
 * - dropped or slower than `timeoutMs`: `L = floor(L * backoffRatio)`
 * - at least half the limit in use: `L = L + 1`
 * - otherwise: hold, the load is too light to learn from
 *
 * Latency below the timeout is no evidence to it, so it settles where calls time out. Take it when
 * the downstream itself refuses what is too much.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function aimdLimit(options: AimdLimitOptions = {}): LimitFactory {
  const parsed = parseOptions(options)
  return () => new AimdLimit(parsed)
}

function parseOptions(options: AimdLimitOptions): AimdOptions {
  const known = ['initialLimit', 'minLimit', 'maxLimit', 'backoffRatio', 'timeoutMs'] as const
  knownKeys('aimdLimit', options, known)
  const { minLimit = 20, maxLimit = 200, backoffRatio = 0.9, timeoutMs = 5000 } = options
  positiveInteger('minLimit', minLimit)
  integerBetween('maxLimit', maxLimit, minLimit, Number.MAX_SAFE_INTEGER)
  const { initialLimit = Math.min(maxLimit, Math.max(20, minLimit)) } = options
  return {
    initialLimit: integerBetween('initialLimit', initialLimit, minLimit, maxLimit),
    minLimit,
    maxLimit,
    backoffRatio: numberBetween('backoffRatio', backoffRatio, 0.5, 0.999),
    timeoutMs: milliseconds('timeoutMs', timeoutMs, 1),
  }
}

/** The rule alone. */
export function decideAimd(
  limit: number,
  sample: Pick<Sample, 'durationMs' | 'inFlight' | 'outcome'>,
  options: AimdOptions,
): AimdDecision {
  const cut = Math.max(options.minLimit, Math.floor(limit * options.backoffRatio))
  if (sample.outcome === 'dropped') return { limit: cut, reason: 'dropped' }
  if (sample.durationMs > options.timeoutMs) return { limit: cut, reason: 'slow' }
  if (sample.inFlight * 2 < limit) return { limit, reason: 'app_limited' }
  return { limit: Math.min(options.maxLimit, limit + 1), reason: 'growing' }
}

class AimdLimit implements Limit {
  readonly algorithm = 'aimd'
  current: number
  reason: AimdReason = 'initial'
  readonly #options: AimdOptions

  constructor(options: AimdOptions) {
    this.#options = options
    this.current = options.initialLimit
  }

  at(): number {
    return this.current
  }

  onSample(sample: Sample): void {
    if (sample.outcome === 'ignored') return
    const { limit, reason } = decideAimd(this.current, sample, this.#options)
    this.current = limit
    this.reason = reason
  }
}
