import type { RetryDecision } from '@spillway/core'
import { evidenceOf, tellThrottle } from '@spillway/core'
import type { Dispatcher } from 'undici'
import { RetryHandler } from 'undici'
import { attemptHeader, withHeader } from './headers.ts'
import type { ParsedOptions } from './options.ts'
import type { Origin } from './origins.ts'
import type { Failure } from './policy.ts'
import { decideRequest, isAccepted } from './policy.ts'

/**
 * One request with all its attempts, on undici's own `RetryHandler`: that keeps bodies that can be
 * sent again apart from those that cannot, holds a refused answer back until the decision, lets an
 * abort end the wait, and moves the caller's back-pressure to the new connection. Only the decision
 * is ours; undici's has neither budget nor jitter, resumes answers that have begun, and cuts a
 * `Retry-After` that is too long to something shorter.
 */
export class Attempts {
  readonly #request: Dispatcher.DispatchOptions
  readonly #dispatch: Dispatcher['dispatch']
  readonly #origin: Origin
  readonly #options: ParsedOptions
  readonly #startedAt: number
  #attempt = 0
  #isAnswered = false

  constructor(
    request: Dispatcher.DispatchOptions,
    dispatch: Dispatcher['dispatch'],
    origin: Origin,
    options: ParsedOptions,
  ) {
    this.#request = request
    this.#dispatch = dispatch
    this.#origin = origin
    this.#options = options
    this.#startedAt = options.clock.now()
  }

  start(handler: Dispatcher.DispatchHandler): boolean {
    const retryHandler = new RetryHandler(
      { ...this.#request, retryOptions: { throwOnError: false, retry: this.#onFailure } },
      { dispatch: this.#send, handler },
    ) as Dispatcher.DispatchHandler
    this.#observe(retryHandler)
    return this.#send(this.#request, retryHandler)
  }

  readonly #send = (
    request: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean => {
    this.#attempt += 1
    if (this.#attempt === 1) return this.#dispatch(request, handler)
    const headers = withHeader(this.#request.headers, attemptHeader, String(this.#attempt))
    return this.#dispatch({ ...request, headers }, handler)
  }

  /** The throttle wants to know of every attempt's answer, the RetryHandler tells of the last. */
  #observe(handler: Dispatcher.DispatchHandler): void {
    const forward = handler.onResponseStart!.bind(handler)
    handler.onResponseStart = (controller, statusCode, headers, message) => {
      if (statusCode >= 200) {
        this.#tellThrottle(isAccepted(statusCode, headers))
        // Handed out unless the decision, which is part of forwarding it, is to try again.
        this.#isAnswered = statusCode < 300
      }
      forward(controller, statusCode, headers, message)
    }
  }

  #tellThrottle(wasAccepted: boolean): void {
    if (wasAccepted) this.#origin.throttle?.accept()
    else this.#origin.throttle?.refuse()
  }

  /** Its timer is cleared by the RetryHandler when the caller aborts. */
  readonly #onFailure = (
    error: Error,
    _context: unknown,
    callback: (error?: Error | null) => void,
  ): NodeJS.Timeout | undefined => {
    // Statuses have been told of; an answer that breaks off was one.
    const { statusCode } = error as Failure
    if (statusCode === undefined && !this.#isAnswered) {
      tellThrottle(this.#origin.throttle, evidenceOf(error))
    }
    const decision = this.#decide(error as Failure)
    if (decision.kind === 'retry') {
      return setTimeout(() => {
        callback(null)
      }, decision.delayMs)
    }
    this.#isAnswered = true
    callback(error)
    return undefined
  }

  #decide(failure: Failure): RetryDecision {
    const { clock, deadlineMs } = this.#options
    const state = {
      request: this.#request,
      attempt: this.#attempt,
      isAnswered: this.#isAnswered,
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
