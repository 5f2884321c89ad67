import type { Backoff, Clock } from '@spillway/core'
import {
  booleanOption,
  clockOption,
  functionOption,
  knownKeys,
  milliseconds,
  parseBackoff,
  positiveInteger,
  ratio,
} from '@spillway/core'

/** Options of {@link retryBudget}; each budget and throttle is for one origin. */
export interface RetryBudgetInterceptorOptions extends Partial<Backoff> {
  /** Most retries as a share of first attempts. @default 0.1, see `createRetryBudget` */
  readonly retryRatio?: number
  /** Window of that share, in milliseconds. @default 10_000, see `createRetryBudget` */
  readonly windowMs?: number
  /**
   * Stop asking an origin that refuses, see `createAdaptiveThrottle`.
   *
   * @default true
   */
  readonly throttle?: boolean
  /** Most attempts, the first included. @default 3, the SRE book's */
  readonly maxAttempts?: number
  /**
   * After this time, counted from the request's start, nothing is tried again. A running attempt is
   * bounded by the request's own signal and timeouts.
   *
   * @default 10_000: longer than an interactive client waits
   */
  readonly deadlineMs?: number
  /**
   * Most origins that are told apart; the one unused for longest is forgotten.
   *
   * @default 100: more than one service calls, fewer than untrusted URLs make
   */
  readonly maxOrigins?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
  /** @default systemClock */
  readonly clock?: Clock
}

const known = [
  'retryRatio',
  'windowMs',
  'throttle',
  'maxAttempts',
  'deadlineMs',
  'maxOrigins',
  'baseDelayMs',
  'maxDelayMs',
  'random',
  'clock',
] as const

/** Every option with a value. */
export type ParsedOptions = Required<RetryBudgetInterceptorOptions>

/** @throws SPW_ERR_OPTION */
export function parseOptions(options: RetryBudgetInterceptorOptions): ParsedOptions {
  knownKeys('options', options, known)
  return {
    retryRatio: ratio('retryRatio', options.retryRatio ?? 0.1),
    windowMs: milliseconds('windowMs', options.windowMs ?? 10_000, 1),
    throttle: booleanOption('throttle', options.throttle === undefined ? true : options.throttle),
    maxAttempts: positiveInteger('maxAttempts', options.maxAttempts ?? 3),
    deadlineMs: milliseconds('deadlineMs', options.deadlineMs ?? 10_000),
    maxOrigins: positiveInteger('maxOrigins', options.maxOrigins ?? 100),
    ...parseBackoff(options),
    random: functionOption('random', options.random ?? Math.random),
    clock: clockOption(options.clock),
  }
}
