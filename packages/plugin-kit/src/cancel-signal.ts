import type { ServerResponse } from 'node:http'
import type { TimerHandle } from '@spillway/core'
import { setAwaitedTimer, SpillwayError, systemClock } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import { stateOf } from './request-state.ts'
import type { SettledListener } from './response-settled.ts'
import { isSentInFull, onResponseSettled } from './response-settled.ts'

/**
 * Behind the decorator `request.cancelSignal`; made on first use, so that a request that never asks
 * for it pays nothing.
 */
export function cancelSignalOf(request: FastifyRequest): AbortSignal {
  const state = stateOf(request)
  if (state.cancelSignal !== undefined) return state.cancelSignal
  const source = new CancelSource(state.expiresAtMs)
  state.cancelSignal = source.signal
  if (state.reply !== undefined) onResponseSettled(state.reply, source)
  return source.signal
}

/** Aborts at the deadline, or when the response ends without having been sent. */
class CancelSource implements SettledListener {
  readonly #controller = new AbortController()
  #timer: TimerHandle | undefined

  constructor(expiresAtMs: number) {
    this.#wait(expiresAtMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  responseSettled(raw: ServerResponse): void {
    systemClock.clearTimer(this.#timer)
    if (isSentInFull(raw)) return
    this.#controller.abort(new SpillwayError('SPW_ERR_CANCELLED', { reason: 'cancelled' }))
  }

  /** Node's timers may come a little early; what follows from the deadline must not. */
  #wait(expiresAtMs: number): void {
    const leftMs = expiresAtMs - systemClock.now()
    if (leftMs <= 0) {
      this.#controller.abort(new SpillwayError('SPW_ERR_DEADLINE', { reason: 'deadline' }))
    } else if (leftMs < Infinity) {
      this.#timer = setAwaitedTimer(systemClock, () => this.#wait(expiresAtMs), Math.ceil(leftMs))
    }
  }
}
