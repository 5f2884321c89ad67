import type { BreakerOutcome, BreakerPass } from '@spillway/circuit-breaker'
import {
  abandonedError,
  breakerError,
  leftAtDeadline,
  notStartedError,
} from '@spillway/circuit-breaker'
import type { Outcome, Pausable, Permit, Priority, Refusal, Waiter } from '@spillway/core'
import { refusalError, SpillwayError } from '@spillway/core'
import type { CallContext } from './call-context.ts'
import { hadNoChance, outcomeOfError } from './call-context.ts'
import type { CallOptions } from './call-options.ts'
import type { Expiring } from './expiries.ts'
import type { RunningCall } from './running-call.ts'
import { attachCall } from './running-call.ts'

/**
 * The work behind a guard. Stop it for real when the signal aborts; settle when it has ended. `call`
 * tells what to hand on: the time that is left and the priority.
 */
export type Work<T> = (signal: AbortSignal, call: RunningCall) => PromiseLike<T>

/**
 * - `waiting`: no permit yet
 * - `running`: the work runs and its caller waits for it
 * - `expired`, `cancelled`: the work runs, its caller has got an error and left
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
  readonly #options: CallOptions
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  readonly #controller = new AbortController()
  #permit: Permit | undefined
  /** The caller's own permit, while the caller waits for this call. */
  #paused: Pausable | undefined
  #pass: BreakerPass | undefined
  #wake: ((answer: Permit | Refusal) => void) | undefined
  #state: CallState = 'waiting'
  /** Milliseconds that it ran until its caller left. */
  #grantedMs = 0

  constructor(
    context: CallContext,
    work: Work<T>,
    options: CallOptions,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#context = context
    this.#work = work
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
  }

  /** RunningCall */
  get deadlineMs(): number {
    return this.expiresAt - this.#context.clock.now()
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
    this.#wake?.(permit)
  }

  /** Waiter */
  refused(refusal: Refusal): void {
    this.#wake?.(refusal)
  }

  start(permit: Permit): void {
    if (this.#options.signal?.aborted === true) {
      this.#turnBack(permit, notStartedError(this.#options.signal))
      return
    }
    // Only now: while half-open there are few passes, and whoever waits for a permit needs none yet.
    const pass = this.#context.circuit?.admit()
    if (pass?.kind === 'refusal') {
      this.#turnBack(permit, breakerError(pass))
      return
    }
    this.#pass = pass
    this.#permit = permit
    this.#state = 'running'
    this.#context.counts.running += 1
    this.#watch(permit)
    attachCall(this)
    let result: PromiseLike<T>
    try {
      result = this.#work(this.#controller.signal, this)
    } catch (error) {
      // Thrown before anything was awaited: the downstream has not been asked.
      if (this.#end('ignored', 'ignored')) this.#reject(error)
      return
    }
    Promise.resolve(result).then(
      (value) => {
        this.#fulfilled(value)
      },
      (error: unknown) => {
        this.#rejected(error)
      },
    )
  }

  /** Its caller does nothing until it is answered: what that holds elsewhere is for others to use. */
  pauseCaller(): void {
    if (this.#state !== 'waiting' && this.#state !== 'running') return
    this.#paused = this.#options.permit
    this.#paused?.pause()
  }

  refuse(refusal: Refusal): void {
    this.#state = 'ended'
    this.#resumeCaller()
    this.#reject(
      refusal.reason === 'cancelled'
        ? notStartedError(this.#options.signal)
        : this.#refusalError(refusal),
    )
  }

  /** Its time is up. */
  expire(): void {
    this.#leave('expired', this.#timeoutError())
  }

  /** The caller's signal aborted. */
  handleEvent(): void {
    const { signal } = this.#options
    this.#leave(leftAtDeadline(signal) ? 'expired' : 'cancelled', abandonedError(signal))
  }

  /** Only the breaker knows when it will let calls through again. */
  #refusalError(refusal: Refusal): SpillwayError {
    if (refusal.reason !== 'circuit_open') return refusalError(refusal)
    const open = this.#context.circuit?.wouldRefuse()
    return open === undefined ? refusalError(refusal) : breakerError(open)
  }

  /** It has a permit, and is not started for all that. */
  #turnBack(permit: Permit, error: SpillwayError): void {
    this.#state = 'ended'
    permit.release('ignored')
    this.#resumeCaller()
    this.#reject(error)
  }

  #resumeCaller(): void {
    this.#paused?.resume()
    this.#paused = undefined
  }

  #watch(permit: Permit): void {
    this.#options.signal?.addEventListener('abort', this)
    this.expiresAt = Math.min(permit.startedAt + this.#context.timeoutMs, this.#deadline(permit))
    this.#context.expiries.add(this, permit.startedAt)
  }

  #deadline(permit: Permit): number {
    return permit.startedAt - permit.waitedMs + (this.#options.deadlineMs ?? Infinity)
  }

  #byDeadline(): boolean {
    return this.#permit !== undefined && this.expiresAt === this.#deadline(this.#permit)
  }

  #unwatch(): void {
    this.#options.signal?.removeEventListener('abort', this)
    this.#context.expiries.remove(this)
  }

  #leave(state: 'expired' | 'cancelled', error: SpillwayError): void {
    this.#state = state
    this.#grantedMs = this.#ranMs()
    // Not when the work settles: a downstream that has gone silent never lets it.
    if (this.#pass !== undefined) this.#tellBreaker(this.#pass)
    this.#context.counts.abandoned += 1
    this.#unwatch()
    this.#resumeCaller()
    this.#reject(error)
    this.#controller.abort(error)
  }

  /** The caller leaves now. */
  #tellBreaker(pass: BreakerPass): void {
    if (this.#state === 'cancelled' || hadNoChance(this.#context, this.#grantedMs)) {
      pass.end('ignored')
      return
    }
    const { startedAt } = this.#permit!
    const limitMs = this.expiresAt - startedAt
    const lateMs = this.#grantedMs - limitMs
    this.#context.circuit!.expired(pass, { startedAt, limitMs, lateMs })
  }

  #fulfilled(value: T): void {
    const now = this.#context.clock.now()
    this.#context.circuit?.answered(now)
    if (this.#state === 'expired') this.#context.counts.late += 1
    else this.#context.usual.add(now - this.#permit!.startedAt)
    // A caller that hung up does not make the latency less true; one that was too slow counts as lost.
    const outcome = this.#isLost() ? 'dropped' : 'success'
    if (this.#end(outcome, 'success')) this.#resolve(value)
  }

  #rejected(error: unknown): void {
    let outcome: Outcome = 'ignored'
    let evidence: BreakerOutcome = 'ignored'
    let answer = error
    try {
      outcome = this.#outcomeOf(error)
      evidence = this.#evidenceOf(error, outcome)
      // The downstream has kept the deadline itself, and was faster than our timer.
      if (outcome === 'dropped' && this.deadlineMs <= 0)
        answer = this.#timeoutError({ cause: error })
    } catch (mistake) {
      answer = mistake
    }
    if (this.#end(outcome, evidence)) this.#reject(answer)
  }

  #evidenceOf(error: unknown, load: Outcome): BreakerOutcome {
    const { circuit, clock } = this.#context
    if (circuit === undefined) return 'ignored'
    const evidence = circuit.outcomeOfError(error, load, this.#permit!.startedAt)
    if (evidence === 'success') circuit.answered(clock.now())
    return evidence
  }

  #outcomeOf(error: unknown): Outcome {
    if (this.#state === 'expired') return this.#isLost() ? 'dropped' : 'ignored'
    if (this.#state === 'cancelled') return 'ignored'
    return outcomeOfError(this.#context, error)
  }

  /** Whether its time ran out, and it was time enough. */
  #isLost(): boolean {
    return this.#state === 'expired' && !hadNoChance(this.#context, this.#grantedMs)
  }

  #ranMs(): number {
    return this.#context.clock.now() - this.#permit!.startedAt
  }

  /** Gives the permit back; whether the caller is still there to be answered. */
  #end(outcome: Outcome, evidence: BreakerOutcome): boolean {
    const { counts } = this.#context
    const abandoned = this.#state !== 'running'
    if (abandoned) counts.abandoned -= 1
    else this.#unwatch()
    counts.running -= 1
    this.#state = 'ended'
    this.#pass?.end(evidence)
    this.#permit!.release(outcome)
    this.#resumeCaller()
    return !abandoned
  }

  #timeoutError(origin: { readonly cause?: unknown } = {}): SpillwayError {
    const reason = this.#byDeadline() ? 'deadline' : 'timeout'
    return new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason, ...origin })
  }
}
