import { checkTimedCall, knownCallOptions } from '../check-call.ts'
import { SpillwayError } from '../errors.ts'
import { leftAtCallerDeadline, leftAtDeadline } from '../evidence/caller-left.ts'
import { evidenceOf, signOf } from '../evidence/evidence.ts'
import { booleanOption, functionOption } from '../options.ts'
import { checkPriority } from '../priority.ts'
import { delayBeforeRetry } from './backoff.ts'
import type { RetryDecision } from './decision.ts'
import { decideRetry } from './decision.ts'
import type { ParsedRetryOptions } from './options.ts'
import { Patience } from './patience.ts'
import type { Attempt, RetryCallOptions } from './retry.ts'
import { isLocalRefusal, wasNeverSent } from './safety.ts'
import { tellThrottle } from './throttle.ts'

/** An answer that was to come sooner than this, and did not, says nothing: as for a breaker. */
const leastTellingMs = 100

/** One call with all its attempts. */
export class RetriedCall<T> {
  readonly #work: (attempt: Attempt) => Promise<T>
  readonly #options: ParsedRetryOptions
  readonly #call: RetryCallOptions
  readonly #patience: Patience
  readonly #startedAt: number

  constructor(
    work: (attempt: Attempt) => Promise<T>,
    options: ParsedRetryOptions,
    call: RetryCallOptions,
  ) {
    checkTimedCall(knownCallOptions(call))
    if (call.priority !== undefined) checkPriority(call.priority)
    if (call.idempotent !== undefined) booleanOption('idempotent', call.idempotent)
    this.#work = functionOption('work', work)
    this.#options = options
    this.#call = call
    this.#patience = new Patience(options.clock, call.deadlineMs ?? Infinity, call.signal)
    this.#startedAt = options.clock.now()
  }

  async run(): Promise<T> {
    this.#throwIfEnded(this.#call.signal?.reason)
    if (!this.#passesThrottle()) throw new SpillwayError('SPW_ERR_THROTTLED')
    this.#options.budget.countRequest()
    try {
      return await this.#attempts()
    } finally {
      this.#patience.dispose()
    }
  }

  async #attempts(): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const result = await this.#work(new PatientAttempt(attempt, this.#patience))
        this.#options.throttle?.accept()
        return result
      } catch (error) {
        const decision = this.#decide(error, attempt)
        if (decision.kind === 'give_up') throw error
        await this.#patience.sleep(decision.delayMs)
        this.#throwIfEnded(error)
      }
    }
  }

  #throwIfEnded(cause: unknown): void {
    const error = this.#patience.ended(cause)
    if (error !== undefined) throw error
  }

  #passesThrottle(): boolean {
    return this.#options.throttle?.tryAttempt(this.#call.priority) ?? true
  }

  #decide(error: unknown, attempt: number): RetryDecision {
    const options = this.#options
    const retryAfterMs = waitAskedFor(options.retryAfterMs(error))
    const isRetryable = options.isRetryable(error)
    this.#tellThrottle(error)
    const decision = decideRetry({
      isLocalRefusal: isLocalRefusal(error),
      attempt,
      maxAttempts: options.maxAttempts,
      isSafe: (this.#call.idempotent ?? options.idempotent) || wasNeverSent(error),
      isRetryable,
      delayMs: delayBeforeRetry(attempt, options, options.random(), retryAfterMs),
      retryAfterMs,
      maxRetryAfterMs: options.maxRetryAfterMs,
      remainingMs: this.#patience.remainingMs,
    })
    return decision.kind === 'retry' ? this.#afterCounting(decision) : decision
  }

  /**
   * The budget first: a retry that nobody paid for is never asked for, and would look to the throttle
   * like demand that the downstream did not accept.
   */
  #afterCounting(decision: RetryDecision): RetryDecision {
    if (!this.#options.budget.tryRetry()) return { kind: 'give_up', reason: 'budget' }
    return this.#passesThrottle() ? decision : { kind: 'give_up', reason: 'throttled' }
  }

  /** By the same rule as breaker and guard: only what says gone or overloaded is a refusal. */
  #tellThrottle(error: unknown): void {
    const isLate = this.#patience.remainingMs <= 0
    if (isLate && this.#saysNothing()) return
    // When its time is up, the work may say what it likes.
    const evidence = isLate ? (signOf(error) ?? 'timed_out') : evidenceOf(error)
    tellThrottle(this.#options.throttle, evidence)
  }

  /**
   * A caller that hung up says nothing about the downstream; nor does one that left no time, for
   * deadlines may come from strangers, and a thousand of a millisecond must not hold the others back.
   */
  #saysNothing(): boolean {
    const { signal, deadlineMs = Infinity } = this.#call
    if (signal?.aborted === true && !leftAtDeadline(signal)) return true
    const ranMs = this.#options.clock.now() - this.#startedAt
    return leftAtCallerDeadline(signal) || Math.min(ranMs, deadlineMs) < leastTellingMs
  }
}

/** Read off an untrusted header by the caller's own code. */
function waitAskedFor(ms: number | undefined): number | undefined {
  return ms !== undefined && ms >= 0 ? ms : undefined
}

/** Its signal is made when it is read: most work succeeds before anybody needs one. */
class PatientAttempt implements Attempt {
  readonly attempt: number
  readonly #patience: Patience

  constructor(attempt: number, patience: Patience) {
    this.attempt = attempt
    this.#patience = patience
  }

  get signal(): AbortSignal {
    return this.#patience.signal
  }
}
