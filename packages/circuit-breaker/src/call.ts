import type { Clock, TimerHandle } from '@spillway/core'
import {
  callerDeadline,
  knownCallOptions,
  checkTimedCall,
  leftAtCallerDeadline,
  leftAtDeadline,
  setAwaitedTimer,
  SpillwayError,
} from '@spillway/core'
import { callDeadlines } from '@spillway/plugin-kit'
import type { Breaker, BreakerOutcome, BreakerPass, CallOptions, Work } from './breaker.ts'
import { breakerError } from './breaker.ts'
import { abandonedError, earlyTimerMs, notStartedError } from './caller-left.ts'
import { classify } from './classify.ts'
import type { IsFailure } from './options.ts'

/** What the calls of one breaker share. */
export interface CallContext {
  readonly breaker: Pick<Breaker, 'admit'>
  readonly clock: Clock
  readonly timeoutMs: number
  readonly minTimeoutMs: number
  readonly isFailure: IsFailure
}

/** Runs `work` if the breaker admits it, and settles exactly once. */
export function runCall<T>(
  context: CallContext,
  work: Work<T>,
  options: CallOptions,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): void {
  const { signal } = knownCallOptions(options)
  const asked = { ...callDeadlines(options), signal }
  checkTimedCall(asked)
  const refused = refuseBefore(asked)
  if (refused !== undefined) {
    reject(refused)
    return
  }
  const admission = context.breaker.admit()
  if (admission.kind === 'refusal') reject(breakerError(admission))
  else new Call(context, admission, asked, resolve, reject).start(work)
}

function refuseBefore(options: CallOptions): SpillwayError | undefined {
  const { signal, deadlineMs = Infinity, callerDeadlineMs = Infinity } = options
  if (signal?.aborted === true) return notStartedError(signal)
  // Not `<= 0`: what is no number leaves no time, either.
  if (deadlineMs > 0 && callerDeadlineMs > 0) return undefined
  return new SpillwayError('SPW_ERR_DEADLINE', { reason: 'deadline' })
}

/** One call. It is its own abort listener, so it costs no closure for that. */
class Call<T> {
  readonly #context: CallContext
  readonly #pass: BreakerPass
  readonly #options: CallOptions
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  readonly #controller = new AbortController()
  /** What the service gives it, and what is left of that if its caller has less patience. */
  readonly #ownMs: number
  #limitMs: number
  readonly #startedAt: number
  #timer: TimerHandle
  #isOver = false

  constructor(
    context: CallContext,
    pass: BreakerPass,
    options: CallOptions,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    const { clock, timeoutMs } = context
    this.#context = context
    this.#pass = pass
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#ownMs = Math.min(timeoutMs, options.deadlineMs ?? Infinity)
    this.#limitMs = Math.min(this.#ownMs, options.callerDeadlineMs ?? Infinity)
    this.#startedAt = clock.now()
    this.#timer = setAwaitedTimer(clock, () => this.#expire(), this.#limitMs)
    options.signal?.addEventListener('abort', this)
  }

  start(work: Work<T>): void {
    let result: PromiseLike<T>
    try {
      result = work(this.#controller.signal)
    } catch (error) {
      this.#rejected(error)
      return
    }
    Promise.resolve(result).then(
      (value) => {
        if (this.#isOver) return
        this.#end('success')
        this.#resolve(value)
      },
      (error: unknown) => {
        this.#rejected(error)
      },
    )
  }

  /** The caller's signal aborted. */
  handleEvent(): void {
    const { signal } = this.#options
    const error = abandonedError(signal)
    if (leftAtCallerDeadline(signal)) this.#callerExpired(error)
    else this.#leave(leftAtDeadline(signal) ? this.#evidence(this.#ranMs()) : 'ignored', error)
  }

  #expire(): void {
    if (this.#limitMs < this.#ownMs) {
      const reason = callerDeadline
      this.#callerExpired(new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason }))
      return
    }
    const reason = this.#limitMs < this.#context.timeoutMs ? 'deadline' : 'timeout'
    const error = new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason })
    this.#leave(this.#evidence(this.#limitMs), error)
  }

  /** A probe goes on without its caller, or strangers with little patience would keep the circuit open. */
  #callerExpired(error: SpillwayError): void {
    if (!this.#pass.isProbe) {
      this.#leave('ignored', error)
      return
    }
    this.#reject(error)
    this.#unwatch()
    this.#limitMs = this.#ownMs
    const { clock } = this.#context
    // Nobody awaits it any more.
    this.#timer = clock.setTimer(() => this.#expire(), this.#ownMs - this.#ranMs())
  }

  #unwatch(): void {
    this.#context.clock.clearTimer(this.#timer)
    this.#options.signal?.removeEventListener('abort', this)
  }

  /** Of a call whose time is up. @param limitMs what it had */
  #evidence(limitMs: number): BreakerOutcome {
    const { timeoutMs, minTimeoutMs } = this.#context
    return expiryOutcome({ limitMs, lateMs: this.#ranMs() - limitMs, timeoutMs, minTimeoutMs })
  }

  #ranMs(): number {
    return this.#context.clock.now() - this.#startedAt
  }

  /** The caller gets its answer now; the work is told, and whatever becomes of it is nobody's. */
  #leave(outcome: BreakerOutcome, error: SpillwayError): void {
    this.#end(outcome)
    this.#reject(error)
    this.#controller.abort(error)
  }

  #rejected(error: unknown): void {
    if (this.#isOver) return
    let outcome: BreakerOutcome = 'ignored'
    let answer = error
    try {
      outcome = this.#outcomeOf(error)
    } catch (mistake) {
      answer = mistake
    }
    this.#end(outcome)
    this.#reject(answer)
  }

  #outcomeOf(error: unknown): BreakerOutcome {
    const outcome = classify(error, this.#context.isFailure)
    return outcome !== 'success' && this.#isOverForCaller() ? 'ignored' : outcome
  }

  #isOverForCaller(): boolean {
    return this.#limitMs < this.#ownMs && this.#ranMs() >= this.#limitMs - earlyTimerMs
  }

  /** Gives everything back. */
  #end(outcome: BreakerOutcome): void {
    this.#isOver = true
    this.#unwatch()
    this.#pass.end(outcome)
  }
}

/** A timer that comes later than this has waited for the process, not for the downstream. */
const stalledMs = 250

/** Whether the process stood still when the time of a call was up. */
export function hasStoodStill(lateMs: number): boolean {
  return lateMs > stalledMs
}

/** What a call that ran out of time says about the downstream. All in milliseconds. */
export function expiryOutcome(call: {
  /** Time it had. */
  readonly limitMs: number
  /** By how much its timer came too late. */
  readonly lateMs: number
  readonly timeoutMs: number
  readonly minTimeoutMs: number
}): BreakerOutcome {
  if (hasStoodStill(call.lateMs)) return 'ignored'
  const enoughMs = Math.min(call.minTimeoutMs, call.timeoutMs)
  return call.limitMs >= enoughMs ? 'timeout' : 'ignored'
}
