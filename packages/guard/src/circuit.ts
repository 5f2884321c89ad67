import type {
  Breaker,
  BreakerOutcome,
  BreakerPass,
  BreakerRefusal,
  ParsedBreakerOptions,
} from '@spillway/circuit-breaker'
import { breakerOutcome, createBreaker, expiryOutcome } from '@spillway/circuit-breaker'
import type { Evidence, Limiter } from '@spillway/core'
import { Silence } from './silence.ts'

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
  readonly #limiter: Limiter
  readonly #silence = new Silence()
  #answeredAt = -Infinity
  #probingSince = Infinity
  /** Calls that ran although the circuit was open, because the guard merely observes. */
  wouldHaveRefused = 0

  constructor(options: ParsedBreakerOptions, limiter: Limiter) {
    this.breaker = createBreaker(options)
    this.#options = options
    this.#limiter = limiter
    this.breaker.onStateChange(({ to }) => {
      // Whoever waits has nothing to wait for.
      if (to === 'open') limiter.drain()
      if (to === 'half_open') this.#probingSince = options.clock.now()
    })
  }

  /** Not before the downstream is known to be back: what holds the permits may be what hangs. */
  get mayWait(): boolean {
    const { state } = this.breaker
    return state === 'closed' || (state === 'half_open' && this.#answeredAt >= this.#probingSince)
  }

  /** Whether a call that waits may start now; while half-open, only in the place of a probe. */
  get mayStart(): boolean {
    return this.#limiter.mode !== 'enforce' || this.breaker.wouldRefuse() === undefined
  }

  /** Asked before a call queues for its permit; counted. The mode is that of the guard's limiter. */
  refuse(): BreakerRefusal | undefined {
    if (this.#limiter.mode === 'off') return undefined
    if (this.#silence.hasBegun) this.#endSilence()
    if (this.#limiter.mode === 'enforce') return this.#unlessItWaits(this.breaker.refuse())
    if (unlessShutdown(this.breaker.wouldRefuse()) !== undefined) this.wouldHaveRefused += 1
    return undefined
  }

  wouldRefuse(): BreakerRefusal | undefined {
    if (this.#limiter.mode !== 'enforce') return undefined
    return this.#unlessItWaits(this.breaker.wouldRefuse())
  }

  /** All probes are taken, and some were answered: a call waits for the next one. */
  #unlessItWaits(refusal: BreakerRefusal | undefined): BreakerRefusal | undefined {
    return refusal?.reason === 'probing' && this.mayWait ? undefined : unlessShutdown(refusal)
  }

  /** The pass of a call that starts; none for one that starts although there is none for it. */
  admit(): BreakerPass | BreakerRefusal | undefined {
    if (this.#limiter.mode === 'enforce') return this.breaker.admit()
    const isWatched = this.#limiter.mode === 'observe' && this.breaker.wouldRefuse() === undefined
    const pass = isWatched ? this.breaker.admit() : undefined
    return pass?.kind === 'refusal' ? undefined : pass
  }

  /** Something has come back, in time or not. */
  answered(now: number): void {
    this.#answeredAt = now
    this.#silence.end()
  }

  /** Ends the pass of a call whose time is up. */
  expired(pass: BreakerPass, expiry: Expiry): void {
    const { startedAt, limitMs, lateMs } = expiry
    const { timeoutMs, minTimeoutMs } = this.#options
    const outcome = expiryOutcome({ limitMs, lateMs, timeoutMs, minTimeoutMs })
    pass.end(this.#unlessAnswered(outcome, startedAt))
  }

  /** Of a call whose work has rejected while its caller waited. */
  outcomeOf(error: unknown, evidence: Evidence, startedAt: number): BreakerOutcome {
    const said = this.#options.isFailure(error)
    if (said !== undefined) return said ? 'failure' : 'ignored'
    const outcome = breakerOutcome(evidence)
    if (evidence === 'answered') this.answered(this.#options.clock.now())
    const isAboutLoad = evidence === 'overloaded' || evidence === 'timed_out'
    return isAboutLoad ? this.#unlessAnswered(outcome, startedAt) : outcome
  }

  /** Late or refused, a call counts only if nobody else was answered while it ran. */
  #unlessAnswered(outcome: BreakerOutcome, startedAt: number): BreakerOutcome {
    if (outcome === 'timeout') {
      const { clock, windowMs } = this.#options
      const since = Math.max(startedAt, this.#answeredAt)
      this.#silence.add(since, clock.now(), windowsBetween * windowMs)
    }
    return this.#hasAnsweredSince(startedAt) ? 'ignored' : outcome
  }

  /** Opens the circuit when nothing comes back from half of the calls that the limiter lets in. */
  #endSilence(): void {
    const { minimumCalls, windowMs, clock } = this.#options
    const calls = Math.max(leastSilentCalls, Math.min(minimumCalls, this.#limiter.limit / 2))
    if (!this.#silence.isCertain(clock.now(), { calls, ms: windowMs / 2 })) return
    this.#silence.end()
    this.breaker.trip()
  }

  /**
   * While half-open, few run beside a call; an answer to anybody since then says as much as one to a
   * neighbour does while closed.
   */
  #hasAnsweredSince(startedAt: number): boolean {
    const isProbing = this.breaker.state === 'half_open'
    return this.#answeredAt >= (isProbing ? this.#probingSince : startedAt)
  }
}

/** So many windows without a call, and what has run out of time before says nothing of now. */
const windowsBetween = 10
/** One or two may have had bad luck, however low the limit is. */
const leastSilentCalls = 3

/** That a guard is closed is its limiter's answer. */
function unlessShutdown(refusal: BreakerRefusal | undefined): BreakerRefusal | undefined {
  return refusal?.reason === 'shutdown' ? undefined : refusal
}
