import type { RetryDecision, TimerHandle } from '@spillway/core'
import { evidenceOf, setAwaitedTimer, tellThrottle } from '@spillway/core'
import type { Dispatcher } from 'undici'
import { errors } from 'undici'
import type { AttemptOwner } from './attempt.ts'
import { Attempt } from './attempt.ts'
import { isReplayable } from './body.ts'
import { attemptHeader, copyHeaders, withHeader } from './headers.ts'
import type { ParsedOptions } from './options.ts'
import type { Origin } from './origins.ts'
import type { Failure } from './policy.ts'
import { decideRequest, isAccepted } from './policy.ts'
import { StableController } from './stable-controller.ts'

type Handler = Dispatcher.DispatchHandler
type Controller = Dispatcher.DispatchController

/**
 * - `asking`: an attempt is under way, and nothing of an answer has gone to the caller
 * - `waiting`: for the moment of the next attempt
 * - `answering`: the caller has the beginning of an answer, so nothing is tried again
 * - `over`: the caller has been told of the end
 */
type Phase =
  | { readonly kind: 'asking' | 'answering' | 'over' }
  | { readonly kind: 'waiting'; readonly timer: TimerHandle }

/**
 * One request with all its attempts, of which the caller's handler sees one: it is told once that the
 * request starts, how far its body has got, and of the one answer that is handed out.
 */
export class Attempts implements AttemptOwner {
  readonly #request: Dispatcher.DispatchOptions
  readonly #dispatch: Dispatcher['dispatch']
  readonly #handler: Handler
  readonly #origin: Origin
  readonly #options: ParsedOptions
  readonly #startedAt: number
  readonly #controller = new StableController((reason) => this.#abort(reason))
  #phase: Phase = { kind: 'asking' }
  #number = 0
  #attempt: Attempt = new Attempt(this)
  /** A connection has taken the request, and may have begun to read its body. */
  #isStarted = false
  #isSent = false
  #sentBytes = 0

  constructor(
    request: Dispatcher.DispatchOptions,
    dispatch: Dispatcher['dispatch'],
    handler: Handler,
    origin: Origin,
    options: ParsedOptions,
  ) {
    this.#request = { ...request, headers: copyHeaders(request.headers) }
    this.#dispatch = dispatch
    this.#handler = handler
    this.#origin = origin
    this.#options = options
    this.#startedAt = options.clock.now()
  }

  /** Sends it, for the first time or again. */
  send(): boolean {
    this.#number += 1
    const request = this.#request
    if (this.#number === 1) return this.#dispatch(request, this.#attempt)
    const headers = withHeader(request.headers, attemptHeader, String(this.#number))
    return this.#dispatch({ ...request, headers }, this.#attempt)
  }

  started(controller: Controller, context: unknown, isAnew: boolean): void {
    this.#controller.target = controller
    // The start of another attempt is none of the request.
    if (this.#isStarted && !isAnew) return
    this.#isStarted = true
    this.#handler.onRequestStart?.(this.#controller, context)
  }

  bodySent(chunk: Buffer, sentBefore: number): void {
    const known = this.#sentBytes - sentBefore
    if (known >= chunk.length) return
    this.#sentBytes = sentBefore + chunk.length
    this.#handler.onBodySent?.(known > 0 ? chunk.subarray(known) : chunk)
  }

  requestSent(): void {
    if (this.#isSent) return
    this.#isSent = true
    this.#handler.onRequestSent?.()
  }

  upgraded(...[status, headers, socket]: Parameters<AttemptOwner['upgraded']>): void {
    this.#phase = { kind: 'over' }
    this.#handler.onRequestUpgrade?.(this.#controller, status, headers, socket)
  }

  answered(...[status, headers, message]: Parameters<AttemptOwner['answered']>): void {
    if (status >= 200) {
      const decision = this.#decideAnswer(status, headers)
      if (decision?.kind === 'retry') {
        this.#wait(decision.delayMs)
        return
      }
      this.#phase = { kind: 'answering' }
      this.#handler.onResponseStarted?.()
    }
    this.#handler.onResponseStart?.(this.#controller, status, headers, message)
  }

  data(chunk: Buffer): void {
    this.#handler.onResponseData?.(this.#controller, chunk)
  }

  ended(trailers: Parameters<AttemptOwner['ended']>[0]): void {
    this.#phase = { kind: 'over' }
    this.#handler.onResponseEnd?.(this.#controller, trailers)
  }

  failed(error: Error): void {
    if (this.#phase.kind === 'asking' && !this.#controller.aborted) {
      tellThrottle(this.#origin.throttle, evidenceOf(error))
      const decision = this.#decide(error as Failure)
      if (decision.kind === 'retry') {
        this.#wait(decision.delayMs)
        return
      }
    }
    this.#fail(error)
  }

  #fail(error: Error): void {
    this.#phase = { kind: 'over' }
    this.#handler.onResponseError?.(this.#controller, error)
  }

  /** The refused answer flows off meanwhile, so that its connection can serve again. */
  #wait(delayMs: number): void {
    this.#attempt.discard()
    this.#controller.target = undefined
    const timer = setAwaitedTimer(this.#options.clock, () => this.#sendAgain(), delayMs)
    this.#phase = { kind: 'waiting', timer }
  }

  #sendAgain(): void {
    this.#attempt.abort(new errors.RequestAbortedError('Tried again before its answer had ended'))
    this.#attempt = new Attempt(this)
    this.#phase = { kind: 'asking' }
    try {
      this.send()
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  /** By the caller. Where undici has nothing to abort, it is told here. */
  #abort(reason: Error): void {
    const phase = this.#phase
    if (phase.kind === 'over') return
    if (phase.kind === 'waiting') this.#options.clock.clearTimer(phase.timer)
    const { target } = this.#controller
    if (target !== undefined) {
      target.abort(reason)
      return
    }
    this.#attempt.discard()
    this.#attempt.abort(reason)
    this.#fail(reason ?? new errors.RequestAbortedError())
  }

  /** Undefined for an answer that there is nothing to decide about. */
  #decideAnswer(statusCode: number, headers: Failure['headers']): RetryDecision | undefined {
    const wasAccepted = isAccepted(statusCode, headers)
    this.#tellThrottle(wasAccepted)
    return wasAccepted ? undefined : this.#decide({ statusCode, headers })
  }

  #tellThrottle(wasAccepted: boolean): void {
    if (wasAccepted) this.#origin.throttle?.accept()
    else this.#origin.throttle?.refuse()
  }

  #decide(failure: Failure): RetryDecision {
    const { clock, deadlineMs } = this.#options
    const state = {
      request: this.#request,
      attempt: this.#number,
      canSendAgain: !this.#isStarted || isReplayable(this.#request.body),
      remainingMs: this.#startedAt + deadlineMs - clock.now(),
    }
    const decision = decideRequest(failure, state, this.#options)
    return decision.kind === 'retry' ? this.#afterCounting(decision) : decision
  }

  /** The budget first: the throttle counts what it is asked, as demand. */
  #afterCounting(decision: RetryDecision): RetryDecision {
    const { throttle, budget } = this.#origin
    if (!budget.tryRetry()) return { kind: 'give_up', reason: 'budget' }
    return throttle?.tryAttempt() === false ? { kind: 'give_up', reason: 'throttled' } : decision
  }
}
