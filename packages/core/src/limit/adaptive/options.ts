import { integerBetween, knownKeys } from '../../options.ts'

export interface AdaptiveLimitOptions {
  /**
   * Limit before anything is known. The latency under it is what congestion is told by later, so it
   * is better too low than too high. A limit that calls do not
   * meet never sinks below it.
   *
   * @default 10: a usual connection pool; slow start leaves it within a few round trips
   */
  readonly initialLimit?: number
  /**
   * Never fewer.
   *
   * @default 1: a downstream that serves one call at a time exists, and one call is needed to learn
   */
  readonly minLimit?: number
  /**
   * Never more.
   *
   * @default 1000: far above what a single process keeps in flight before one database
   */
  readonly maxLimit?: number
}

/** Every option with a value. @throws SPW_ERR_OPTION */
export function parseOptions(options: AdaptiveLimitOptions): Required<AdaptiveLimitOptions> {
  knownKeys('adaptiveLimit', options, ['initialLimit', 'minLimit', 'maxLimit'])
  const minLimit = integerBetween('minLimit', options.minLimit ?? 1, 1, Number.MAX_SAFE_INTEGER)
  const max = options.maxLimit ?? Math.max(1000, minLimit)
  const maxLimit = integerBetween('maxLimit', max, minLimit, Number.MAX_SAFE_INTEGER)
  const initial = options.initialLimit ?? Math.min(maxLimit, Math.max(minLimit, 10))
  return {
    minLimit,
    maxLimit,
    initialLimit: integerBetween('initialLimit', initial, minLimit, maxLimit),
  }
}
