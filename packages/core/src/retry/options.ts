import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { functionOption, knownKeys, milliseconds, positiveInteger } from '../options.ts'
import { invalidOption } from '../options.ts'
import { checkPriority } from '../priority.ts'
import type { Priority } from '../priority.ts'
import { parseBackoff } from './backoff.ts'
import type { Backoff } from './backoff.ts'
import type { RetryBudget } from './budget.ts'
import type { AdaptiveThrottle } from './throttle.ts'

export interface RetryOptions extends Partial<Backoff> {
  /** Shared by all calls to one dependency: the bound holds for them together. */
  readonly budget: RetryBudget
  /** Shared likewise. @default none */
  readonly throttle?: AdaptiveThrottle
  /** What the throttle goes by. @default 'default' */
  readonly priority?: Priority
  /**
   * Most attempts, the first included.
   *
   * @default 3: the SRE book's; an attempt that fails three times will fail a fourth time
   */
  readonly maxAttempts?: number
  /** Time left for all attempts and waits together, in milliseconds. @default none */
  readonly deadlineMs?: number
  /** The caller's; ends waits and attempts. */
  readonly signal?: AbortSignal
  /**
   * Doing the work twice does no more than doing it once.
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
  'priority',
  'maxAttempts',
  'deadlineMs',
  'signal',
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
  readonly priority: Priority
  readonly maxAttempts: number
  readonly deadlineMs: number | undefined
  readonly signal: AbortSignal | undefined
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
  return { ...parseDecisions(options), ...parseCall(options), ...parseTimes(options) }
}

function parseDecisions(
  options: RetryOptions,
): Pick<ParsedRetryOptions, 'budget' | 'throttle' | 'isRetryable' | 'retryAfterMs'> {
  const { budget, throttle, isRetryable = always, retryAfterMs = never } = options
  if (typeof budget?.tryRetry !== 'function') throw invalidOption('budget', 'a budget', budget)
  return {
    budget,
    throttle,
    isRetryable: functionOption('isRetryable', isRetryable),
    retryAfterMs: functionOption('retryAfterMs', retryAfterMs),
  }
}

function parseCall(
  options: RetryOptions,
): Pick<ParsedRetryOptions, 'priority' | 'maxAttempts' | 'deadlineMs' | 'signal' | 'idempotent'> {
  const { priority = 'default', maxAttempts = 3, deadlineMs, signal, idempotent = false } = options
  checkPriority(priority)
  return {
    priority,
    maxAttempts: positiveInteger('maxAttempts', maxAttempts),
    deadlineMs: deadlineMs === undefined ? undefined : milliseconds('deadlineMs', deadlineMs),
    signal,
    idempotent,
  }
}

function parseTimes(
  options: RetryOptions,
): Backoff & Pick<ParsedRetryOptions, 'maxRetryAfterMs' | 'random' | 'clock'> {
  return {
    maxRetryAfterMs: milliseconds('maxRetryAfterMs', options.maxRetryAfterMs ?? 30_000),
    ...parseBackoff(options),
    // oxlint-disable-next-line no-restricted-properties -- a default; whoever needs repetition injects
    random: functionOption('random', options.random ?? Math.random),
    clock: options.clock ?? systemClock,
  }
}
