import type { Clock } from '../clock.ts'
import { clockOption, knownKeys, milliseconds, ratio } from '../options.ts'
import { RollingCount } from './rolling-count.ts'

export interface RetryBudgetOptions {
  /**
   * Most retries, as a share of the first attempts of the window.
   *
   * @default 0.1: the per-client retry budget of the SRE book ("Handling Overload")
   */
  readonly retryRatio?: number
  /**
   * How long a first attempt pays for a retry, in milliseconds.
   *
   * @default 10_000: one request a second suffices for a retry, and when an outage begins there are
   *   no more retries at hand than a tenth of ten seconds of traffic
   */
  readonly windowMs?: number
  /** @default systemClock */
  readonly clock?: Clock
}

export interface RetryBudgetStats {
  /** First attempts and retries within the window. */
  readonly requests: number
  readonly retries: number
  /** Retries refused since the start. */
  readonly refusedTotal: number
}

/** One dependency's retries, for all callers of this process together. */
export interface RetryBudget {
  /** Counts a first attempt. Retries are paid for by these alone. */
  countRequest(): void
  /** Takes a retry out of the budget; false when there is none left. */
  tryRetry(): boolean
  stats(): RetryBudgetStats
}

/**
 * Retries are at most `retryRatio` of first attempts: within every window, and for that reason over
 * any longer time that begins with the budget. A retry leaves the window no sooner than the
 * first attempts that paid for it, so nobody pays twice.
 *
 * There is no minimum "for little traffic": it would be a rate per process, which a fleet
 * multiplies, and would be most of the traffic just where the bound should hold. A client of fewer
 * than ten requests per window does not retry.
 *
 * @throws SPW_ERR_OPTION
 */
export function createRetryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  const { retryRatio, windowMs, clock } = parseOptions(options)
  const requests = new RollingCount(windowMs, clock)
  const retries = new RollingCount(windowMs, clock)
  let refusedTotal = 0
  return {
    countRequest: () => {
      requests.add()
    },
    tryRetry: () => {
      const isAllowed = retries.total + 1 <= retryRatio * requests.total
      if (isAllowed) retries.add()
      else refusedTotal += 1
      return isAllowed
    },
    stats: () => ({ requests: requests.total, retries: retries.total, refusedTotal }),
  }
}

function parseOptions(options: RetryBudgetOptions): Required<RetryBudgetOptions> {
  knownKeys('options', options, ['retryRatio', 'windowMs', 'clock'])
  return {
    retryRatio: ratio('retryRatio', options.retryRatio ?? 0.1),
    windowMs: milliseconds('windowMs', options.windowMs ?? 10_000, 1),
    clock: clockOption(options.clock),
  }
}
