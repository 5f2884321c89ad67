import type { Clock } from '../clock.ts'
import {
  booleanOption,
  clockOption,
  functionOption,
  invalidOption,
  knownKeys,
  milliseconds,
  positiveInteger,
} from '../options.ts'
import { parseBackoff } from './backoff.ts'
import type { Backoff } from './backoff.ts'
import type { RetryBudget } from './budget.ts'
import { createRetryBudget } from './budget.ts'
import type { AdaptiveThrottle } from './throttle.ts'

export interface RetryOptions extends Partial<Backoff> {
  /** @default createRetryBudget(), one of its own */
  readonly budget?: RetryBudget
  /** Stops asking a downstream that refuses. @default none */
  readonly throttle?: AdaptiveThrottle
  /**
   * Most attempts, the first included.
   *
   * @default 3: the SRE book's; an attempt that fails three times will fail a fourth time
   */
  readonly maxAttempts?: number
  /**
   * Doing the work twice does no more than doing it once; a call may say otherwise.
   *
   * @default false: then only errors that prove that nothing was sent are tried again
   */
  readonly idempotent?: boolean
  /** Whether another attempt has a chance. @default every error has */
  readonly isRetryable?: (error: unknown) => boolean
  /** How long the downstream asked to stay away; see `parseRetryAfter`. @default never asked */
  readonly retryAfterMs?: (error: unknown) => number | undefined
  /**
   * Longest `Retry-After` that is waited for; a longer one means that nothing is tried again.
   *
   * @default 30_000: the header is untrusted, and a caller that waits holds its request
   */
  readonly maxRetryAfterMs?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
  /** @default systemClock */
  readonly clock?: Clock
}

const known = [
  'budget',
  'throttle',
  'maxAttempts',
  'idempotent',
  'isRetryable',
  'retryAfterMs',
  'maxRetryAfterMs',
  'baseDelayMs',
  'maxDelayMs',
  'random',
  'clock',
] as const

/** Every option with a value. */
export interface ParsedRetryOptions extends Backoff {
  readonly budget: RetryBudget
  readonly throttle: AdaptiveThrottle | undefined
  readonly maxAttempts: number
  readonly idempotent: boolean
  readonly isRetryable: (error: unknown) => boolean
  readonly retryAfterMs: (error: unknown) => number | undefined
  readonly maxRetryAfterMs: number
  readonly random: () => number
  readonly clock: Clock
}

const always = (): boolean => true
const never = (): undefined => undefined

/** @throws SPW_ERR_OPTION */
export function parseOptions(options: RetryOptions): ParsedRetryOptions {
  knownKeys('options', options, known)
  return { ...parseDecisions(options), ...parseShared(options), ...parseTimes(options) }
}

function parseDecisions(
  options: RetryOptions,
): Pick<ParsedRetryOptions, 'maxAttempts' | 'idempotent' | 'isRetryable' | 'retryAfterMs'> {
  const {
    maxAttempts = 3,
    idempotent = false,
    isRetryable = always,
    retryAfterMs = never,
  } = options
  return {
    maxAttempts: positiveInteger('maxAttempts', maxAttempts),
    idempotent: booleanOption('idempotent', idempotent),
    isRetryable: functionOption('isRetryable', isRetryable),
    retryAfterMs: functionOption('retryAfterMs', retryAfterMs),
  }
}

function parseShared({
  budget,
  throttle,
  clock,
}: RetryOptions): Pick<ParsedRetryOptions, 'budget' | 'throttle' | 'clock'> {
  if (budget !== undefined && typeof budget.tryRetry !== 'function') {
    throw invalidOption('budget', 'a retry budget', budget)
  }
  if (throttle !== undefined && typeof throttle.tryAttempt !== 'function') {
    throw invalidOption('throttle', 'an adaptive throttle', throttle)
  }
  const parsed = clockOption(clock)
  return { budget: budget ?? createRetryBudget({ clock: parsed }), throttle, clock: parsed }
}

function parseTimes(
  options: RetryOptions,
): Backoff & Pick<ParsedRetryOptions, 'maxRetryAfterMs' | 'random'> {
  return {
    maxRetryAfterMs: milliseconds('maxRetryAfterMs', options.maxRetryAfterMs ?? 30_000),
    ...parseBackoff(options),
    // oxlint-disable-next-line no-restricted-properties -- a default; whoever needs repetition injects
    random: functionOption('random', options.random ?? Math.random),
  }
}
