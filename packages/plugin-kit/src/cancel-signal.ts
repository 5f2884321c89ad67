import type { ServerResponse } from 'node:http'
import type { TimerHandle } from '@spillway/core'
import { callerDeadline, setAwaitedTimer, SpillwayError } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import { spentMs } from './deadline.ts'
import type { RequestState } from './request-state.ts'
import { stateOf } from './request-state.ts'
import type { SettledListener } from './response-settled.ts'
import { isSentInFull, onResponseSettled } from './response-settled.ts'

const stateKey: unique symbol = Symbol('spillway.requestOfSignal')

interface RequestSignal extends AbortSignal {
  [stateKey]?: RequestState
}

/** The request whose `cancelSignal` it is, if it is one. */
export function stateOfSignal(signal: AbortSignal | undefined): RequestState | undefined {
  const known: RequestSignal | undefined = signal
  return known?.[stateKey]
}

/**
 * Behind the decorator `request.cancelSignal`; made on first use, so that a request that never asks
 * for it pays nothing.
 */
export function cancelSignalOf(request: FastifyRequest): AbortSignal {
  const state = stateOf(request)
  if (state.cancelSource !== undefined) return state.cancelSource.signal
  const source = new CancelSource(state)
  source.deadlineCounts()
  state.cancelSource = source
  if (state.reply !== undefined) onResponseSettled(state.reply, source)
  return source.signal
}

/** Aborts at the deadline, or when the response ends without having been sent. */
export class CancelSource implements SettledListener {
  readonly #state: RequestState
  readonly #controller = new AbortController()
  #timer: TimerHandle | undefined
  #isSettled = false

  constructor(state: RequestState) {
    this.#state = state
    ;(this.signal as RequestSignal)[stateKey] = state
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Node's timers may come a little early; what follows from the deadline must not. */
  deadlineCounts(): void {
    const { clock, budget } = this.#state
    const { ownMs, callerMs } = budget
    const leftMs = Math.min(ownMs, callerMs) - spentMs(this.#state)
    if (this.#isSettled || this.#state.countsFrom === undefined || leftMs === Infinity) return
    if (leftMs <= 0) {
      const reason = callerMs < ownMs ? callerDeadline : 'deadline'
      this.#controller.abort(new SpillwayError('SPW_ERR_DEADLINE', { reason }))
      return
    }
    this.#timer = setAwaitedTimer(clock, () => this.deadlineCounts(), Math.ceil(leftMs))
  }

  responseSettled(raw: ServerResponse): void {
    // The rest of a body may come after the answer to it, and the deadline would count from then.
    this.#isSettled = true
    this.#state.clock.clearTimer(this.#timer)
    if (isSentInFull(raw)) return
    this.#controller.abort(new SpillwayError('SPW_ERR_CANCELLED', { reason: 'cancelled' }))
  }
}
