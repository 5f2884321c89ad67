import type { Clock, TimerHandle } from '@spillway/core'
import { setAwaitedTimer, SpillwayError } from '@spillway/core'
import type { Breaker, BreakerOutcome, BreakerPass, CallOptions, Work } from './breaker.ts'
import { breakerError } from './breaker.ts'
import { abandonedError, leftAtDeadline, notStartedError } from './caller-left.ts'
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
  const refused = refuseBefore(options)
  if (refused !== undefined) {
    reject(refused)
    return
  }
  const admission = context.breaker.admit()
  if (admission.kind === 'refusal') reject(breakerError(admission))
  else new Call(context, admission, options, resolve, reject).start(work)
}

function refuseBefore({ signal, deadlineMs = Infinity }: CallOptions): SpillwayError | undefined {
  if (signal?.aborted === true) return notStartedError(signal)
  // Not `<= 0`: what is no number leaves no time, either.
  if (deadlineMs > 0) return undefined
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
  readonly #limitMs: number
  readonly #startedAt: number
  readonly #timer: TimerHandle
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
    this.#limitMs = Math.min(timeoutMs, options.deadlineMs ?? Infinity)
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
    const outcome = leftAtDeadline(signal) ? this.#evidence(this.#ranMs()) : 'ignored'
    this.#leave(outcome, abandonedError(signal))
  }

  #expire(): void {
    const reason = this.#limitMs < this.#context.timeoutMs ? 'deadline' : 'timeout'
    this.#leave(
      this.#evidence(this.#limitMs),
      new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason }),
    )
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
      outcome = classify(error, this.#context.isFailure)
    } catch (mistake) {
      answer = mistake
    }
    this.#end(outcome)
    this.#reject(answer)
  }

  /** Gives everything back. */
  #end(outcome: BreakerOutcome): void {
    this.#isOver = true
    this.#context.clock.clearTimer(this.#timer)
    this.#options.signal?.removeEventListener('abort', this)
    this.#pass.end(outcome)
  }
}

/** A timer that comes later than this has waited for the process, not for the downstream. */
const stalledMs = 250

/** What a call that ran out of time says about the downstream. All in milliseconds. */
export function expiryOutcome(call: {
  /** Time it had. */
  readonly limitMs: number
  /** By how much its timer came too late. */
  readonly lateMs: number
  readonly timeoutMs: number
  readonly minTimeoutMs: number
}): BreakerOutcome {
  if (call.lateMs > stalledMs) return 'ignored'
  const enoughMs = Math.min(call.minTimeoutMs, call.timeoutMs)
  return call.limitMs >= enoughMs ? 'timeout' : 'ignored'
}
