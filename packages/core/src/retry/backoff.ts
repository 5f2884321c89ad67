import { milliseconds } from '../options.ts'

/** How long to wait before a retry, in milliseconds. */
export interface Backoff {
  /**
   * Upper bound of the first wait.
   *
   * @default 50: some round trips of a data centre, short against a deadline of a second
   */
  readonly baseDelayMs: number
  /**
   * Upper bound of every wait.
   *
   * @default 2_000: nobody in front of a service waits for more
   */
  readonly maxDelayMs: number
}

/** @throws SPW_ERR_OPTION */
export function parseBackoff({ baseDelayMs = 50, maxDelayMs = 2_000 }: Partial<Backoff>): Backoff {
  return {
    baseDelayMs: milliseconds('baseDelayMs', baseDelayMs),
    maxDelayMs: milliseconds('maxDelayMs', maxDelayMs),
  }
}

/**
 * Full jitter: uniform between 0 and `min(maxDelayMs, baseDelayMs * 2^(attempt - 1))`. Spreads
 * callers that failed together as widely as possible.
 *
 * A `Retry-After` is a lower bound, so its jitter comes on top.
 *
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt number of the attempt that has failed, from 1
 * @param random uniform in [0, 1)
 */
export function delayBeforeRetry(
  attempt: number,
  { baseDelayMs, maxDelayMs }: Backoff,
  random: number,
  retryAfterMs: number | undefined,
): number {
  if (retryAfterMs !== undefined) return retryAfterMs + random * baseDelayMs
  return random * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1))
}
