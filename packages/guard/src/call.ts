import type { BreakerOutcome, BreakerPass, BreakerRefusal } from '@spillway/circuit-breaker'
import { abandonedError, breakerError, notStartedError } from '@spillway/circuit-breaker'
import type {
  Evidence,
  Outcome,
  Permit,
  Priority,
  Refusal,
  SpillwayError,
  Waiter,
} from '@spillway/core'
import { callerDeadline, leftAtCallerDeadline, leftAtDeadline, signOf } from '@spillway/core'
import type { AskedCall, CallTime } from './call-time.ts'
import type { Caller } from './caller.ts'
import { callTime, isOverForCaller, timeoutError, withoutCaller } from './call-time.ts'
import type { CallContext } from './call-context.ts'
import { hadNoChance, lossOutcome } from './call-context.ts'
import { evidenceBy, loadOutcome } from './classify.ts'
import type { Expiring } from './expiries.ts'
import { errorOf } from './refusal-error.ts'
import type { RunningCall } from './running-call.ts'
import { attachCall, describeCall } from './running-call.ts'
import type { Work } from './work.ts'

/**
 * - `waiting`: no permit yet
 * - `running`: the work runs and its caller waits for it
 * - `expired`: the work runs, the time is up that it was given here
 * - `cancelled`: the work runs, its caller has left: hung up, or had less patience than was given here
 * - `ended`: settled, and the permit is back
 */
type CallState = 'waiting' | 'running' | 'expired' | 'cancelled' | 'ended'

/**
 * One call from its permit to its real end. Two things end apart: the caller's promise, which settles
 * at the deadline or when the caller hangs up, and the permit, which is held until the work has
 * settled. It is its own abort listener and heap member, so a call costs no closure for either.
 */
export class Call<T> implements Expiring, RunningCall, Waiter {
  expiresAt: number = Infinity
  place: number = -1
  readonly #context: CallContext
  readonly #work: Work<T>
  readonly #options: AskedCall
  readonly #caller: Caller<T>
  readonly #controller = new AbortController()
  #permit: Permit | undefined
  #pass: BreakerPass | undefined
  #wake: ((answer: Permit | Refusal) => void) | undefined
  #state: CallState = 'waiting'
  /** Its caller has been answered before the work has ended. */
  #isAbandoned = false
  #time: CallTime | undefined
  /** Milliseconds that it ran until its caller left. */
  #grantedMs = 0
  /** By how much it was noticed too late that its time was up. */
  #lateMs = 0

  constructor(context: CallContext, work: Work<T>, options: AskedCall, caller: Caller<T>) {
    this.#context = context
    this.#work = work
    this.#options = options
    this.#caller = caller
  }

  /** RunningCall */
  get deadlineMs(): number {
    return this.#time!.workUntil - this.#context.clock.now()
  }

  /** RunningCall */
  get callerDeadlineMs(): number | undefined {
    const { callerUntil } = this.#time!
    return callerUntil === Infinity ? undefined : callerUntil - this.#context.clock.now()
  }

  /** RunningCall */
  get priority(): Priority {
    return this.#permit!.priority
  }

  /** RunningCall */
  get workload(): string | undefined {
    return this.#options.workload
  }

  /** RunningCall */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /**
   * Waits for the permit through a promise, not a callback: the work then starts in the async context
   * (AsyncLocalStorage) of its own caller and not of whoever released the permit. Safe because a
   * waiter is never told before `admit` has returned.
   */
  wait(): void {
    const answered = new Promise<Permit | Refusal>((resolve) => {
      this.#wake = resolve
    })
    void answered.then((answer) => {
      if (answer.kind === 'permit') this.start(answer)
      else this.refuse(answer)
    })
  }

  /** Waiter */
  admitted(permit: Permit): void {
    this.#takePass()
    this.#wake?.(permit)
  }

  /** Waiter */
  refused(refusal: Refusal): void {
    this.#wake?.(refusal)
  }

  start(permit: Permit): void {
    const obstacle = this.#obstacle()
    if (obstacle !== undefined) return this.#turnBack(permit, obstacle)
    this.#permit = permit
    this.#state = 'running'
    this.#context.counts.running += 1
    this.#watch(permit)
    if (this.#isEnforced) attachCall(this)
    let result: PromiseLike<T>
    try {
      result = this.#work(this.#controller.signal, describeCall(this))
    } catch (error) {
      // Thrown before anything was awaited: the downstream has not been asked.
      if (this.#end('ignored', 'ignored')) this.#caller.fail(error)
      return
    }
    Promise.resolve(result).then(
      (value) => this.#fulfilled(value),
      (error: unknown) => this.#rejected(error),
    )
  }

  /** Why it is not started although it has a permit. */
  #obstacle(): SpillwayError | undefined {
    const { signal } = this.#options
    if (this.#isEnforced && signal?.aborted === true) return notStartedError(signal)
    const refusal = this.#takePass()
    return refusal && breakerError(refusal)
  }

  /** With the permit, not before: while half-open there are few passes. Twice is the same as once. */
  #takePass(): BreakerRefusal | undefined {
    if (this.#pass !== undefined) return undefined
    const pass = this.#context.circuit?.admit()
    if (pass?.kind === 'refusal') return pass
    this.#pass = pass
    return undefined
  }

  /** Unless it has been answered already. */
  pauseCaller(): void {
    if (this.#state !== 'waiting' && this.#state !== 'running') return
    this.#caller.pause()
  }

  refuse(refusal: Refusal): void {
    this.#state = 'ended'
    this.#caller.fail(errorOf(refusal, this.#context.circuit, this.#options.signal))
  }

  /** Its time is up. */
  expire(): void {
    const error = timeoutError(this.#time!)
    if (!this.#isEnforced) this.#context.counts.wouldHaveTimedOut += 1
    if (this.#time!.reason === callerDeadline) this.#callerExpired(error)
    else this.#leave('expired', error)
  }

  /** The caller's signal aborted. */
  handleEvent(): void {
    const { signal } = this.#options
    const error = abandonedError(signal)
    if (leftAtCallerDeadline(signal)) this.#callerExpired(error)
    else this.#leave(leftAtDeadline(signal) ? 'expired' : 'cancelled', error)
    if (!this.#isEnforced) this.#controller.abort(signal!.reason)
  }

  /** It has a permit, and is not started for all that. */
  #turnBack(permit: Permit, error: SpillwayError): void {
    this.#state = 'ended'
    this.#pass?.end('ignored')
    permit.release('ignored')
    this.#caller.fail(error)
  }

  get #isEnforced(): boolean {
    return this.#options.mode === 'enforce'
  }

  #watch(permit: Permit): void {
    const { signal, mode } = this.#options
    this.#time = callTime(permit, this.#options, this.#context.timeoutMs)
    this.expiresAt = Math.min(this.#time.ownUntil, this.#time.callerUntil)
    if (signal?.aborted === true) this.handleEvent()
    else signal?.addEventListener('abort', this)
    // Who would not have been let in, would not have run out of time.
    if (mode !== 'off' && permit.observed === undefined) {
      this.#context.expiries.add(this, permit.startedAt)
    }
  }

  #unwatch(): void {
    this.#options.signal?.removeEventListener('abort', this)
    this.#context.expiries.remove(this)
  }

  /** A probe goes on without its caller, or strangers with little patience would keep the circuit open. */
  #callerExpired(error: SpillwayError): void {
    if (!this.#isEnforced || this.#pass?.isProbe !== true) return this.#leave('cancelled', error)
    this.#abandon(error)
    this.#time = withoutCaller(this.#time!)
    this.expiresAt = this.#time.ownUntil
    this.#context.expiries.add(this, this.#context.clock.now())
  }

  /** The work is of no use any more; or would not be, if the guard enforced. */
  #leave(state: 'expired' | 'cancelled', error: SpillwayError): void {
    if (this.#state === 'running') {
      this.#state = state
      this.#grantedMs = this.#ranMs()
      this.#lateMs = Math.max(0, this.#context.clock.now() - this.#time!.ownUntil)
      // Not when the work settles: a downstream that has gone silent never lets it.
      if (this.#pass !== undefined) this.#tellBreaker(this.#pass)
    }
    if (!this.#isEnforced) return
    this.#abandon(error)
    this.#controller.abort(error)
  }

  /** Its caller is answered. */
  #abandon(error: SpillwayError): void {
    this.#unwatch()
    if (this.#isAbandoned) return
    this.#isAbandoned = true
    this.#context.counts.abandoned += 1
    this.#caller.fail(error)
  }

  /** The caller leaves now. */
  #tellBreaker(pass: BreakerPass): void {
    if (this.#state === 'cancelled' || hadNoChance(this.#grantedMs, this.#usualMs)) {
      pass.end('ignored')
      return
    }
    const { startedAt } = this.#permit!
    const limitMs = this.#grantedMs - this.#lateMs
    this.#context.circuit!.expired(pass, { startedAt, limitMs, lateMs: this.#lateMs })
  }

  #fulfilled(value: T): void {
    const now = this.#context.clock.now()
    this.#context.circuit?.answered(now)
    // Work for nobody; of one that was let run on, somebody reads the answer.
    if (this.#state === 'expired') this.#context.counts.late += this.#isAbandoned ? 1 : 0
    else this.#context.usual.add(this.workload, now - this.#permit!.startedAt)
    // A caller that hung up does not make the latency less true; one that was too slow counts as lost.
    if (this.#end(this.#unlessLost('success'), 'success')) this.#caller.answer(value)
  }

  #rejected(error: unknown): void {
    if (this.#state !== 'running') {
      this.#stopped(error)
      return
    }
    const { circuit, classify } = this.#context
    let heard: Evidence = 'not_asked'
    let outcome: BreakerOutcome = 'ignored'
    let answer = error
    try {
      const evidence = evidenceBy(classify, error)
      // The downstream has kept the deadline itself, and was faster than our timer.
      const isLoad = loadOutcome(evidence) === 'dropped'
      if (this.#isEnforced && isLoad && this.deadlineMs <= 0)
        answer = timeoutError(this.#time!, { cause: error })
      heard = isLoad && this.#isHopeless() ? 'not_asked' : evidence
      outcome = circuit?.outcomeOf(error, heard, this.#permit!.startedAt) ?? outcome
    } catch (mistake) {
      answer = mistake
    }
    if (this.#end(loadOutcome(heard), outcome)) this.#caller.fail(answer)
  }

  /** What the work says after it was told to stop is no answer, unless it is plainly one. */
  #stopped(error: unknown): void {
    if (signOf(error) === 'answered') this.#context.circuit?.answered(this.#context.clock.now())
    if (this.#end(this.#unlessLost('ignored'), 'ignored')) this.#caller.fail(error)
  }

  /** Whether its time is up and says nothing: a stranger's, or less than calls take. */
  #isHopeless(): boolean {
    const isCallersEnd = isOverForCaller(this.#time!, this.#context.clock.now())
    return isCallersEnd || (this.deadlineMs <= 0 && hadNoChance(this.#ranMs(), this.#usualMs))
  }

  /** What it tells the limit, if that is `outcome` in time. */
  #unlessLost(outcome: Outcome): Outcome {
    if (this.#state !== 'expired') return outcome
    return lossOutcome(this.#grantedMs, this.#lateMs, this.#usualMs, outcome)
  }

  get #usualMs(): number {
    return this.#context.usual.of(this.workload).value
  }

  #ranMs(): number {
    return this.#context.clock.now() - this.#permit!.startedAt
  }

  /** Gives the permit back; whether the caller is still there to be answered. */
  #end(outcome: Outcome, evidence: BreakerOutcome): boolean {
    const { counts } = this.#context
    this.#unwatch()
    if (this.#isAbandoned) counts.abandoned -= 1
    counts.running -= 1
    this.#state = 'ended'
    this.#pass?.end(evidence)
    this.#permit!.release(outcome)
    return !this.#isAbandoned
  }
}
