import type {
  Breaker,
  BreakerOutcome,
  BreakerRefusal,
  ParsedBreakerOptions,
} from '@spillway/circuit-breaker'
import { classifyFailure, createBreaker, expiryOutcome } from '@spillway/circuit-breaker'
import type { Outcome } from '@spillway/core'

/** A call that its caller has given up because its time was up. All in milliseconds. */
export interface Expiry {
  /** When it was started, on the guard's clock. */
  readonly startedAt: number
  /** The time that it had. */
  readonly limitMs: number
  /** By how much it was noticed too late. */
  readonly lateMs: number
}

/**
 * The breaker of a guard, and what its evidence is. Slowness and overload are the limiter's business,
 * being gone is the breaker's: a call that took too long, or that the downstream had no room for,
 * counts as failed only if nothing else was answered while it ran. A slow downstream keeps answering
 * somebody; one that is gone answers nobody.
 */
export class Circuit {
  readonly breaker: Breaker
  readonly #options: ParsedBreakerOptions
  #answeredAt = -Infinity

  constructor(options: ParsedBreakerOptions) {
    this.breaker = createBreaker(options)
    this.#options = options
  }

  /** Asked before a call queues for its permit; counted. */
  refuse(): BreakerRefusal | undefined {
    return unlessShutdown(this.breaker.refuse())
  }

  wouldRefuse(): BreakerRefusal | undefined {
    return unlessShutdown(this.breaker.wouldRefuse())
  }

  /** Something has come back, in time or not. */
  answered(now: number): void {
    this.#answeredAt = now
  }

  outcomeOfExpiry({ startedAt, limitMs, lateMs }: Expiry): BreakerOutcome {
    if (this.#hasAnsweredSince(startedAt)) return 'ignored'
    const { timeoutMs, minTimeoutMs } = this.#options
    return expiryOutcome({ limitMs, lateMs, timeoutMs, minTimeoutMs })
  }

  /** @param load what the same error tells the limit */
  outcomeOfError(error: unknown, load: Outcome, startedAt: number): BreakerOutcome {
    const said = this.#options.isFailure(error)
    if (said !== undefined) return said ? 'failure' : 'ignored'
    const outcome = classifyFailure(error)
    const isOverload = outcome === 'failure' && load === 'dropped'
    return isOverload && this.#hasAnsweredSince(startedAt) ? 'ignored' : outcome
  }

  #hasAnsweredSince(moment: number): boolean {
    return this.#answeredAt >= moment
  }
}

/** That a guard is closed is its limiter's answer. */
function unlessShutdown(refusal: BreakerRefusal | undefined): BreakerRefusal | undefined {
  return refusal?.reason === 'shutdown' ? undefined : refusal
}
