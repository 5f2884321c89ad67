import type { ServerResponse } from 'node:http'
import type { Clock, TimerHandle } from '@spillway/core'
import { SpillwayError, systemClock } from '@spillway/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { expiryOf } from './deadline.ts'
import type { SettledListener } from './response-settled.ts'
import { isSentInFull, onResponseSettled } from './response-settled.ts'

const sourceKey: unique symbol = Symbol('spillway.cancelSource')
/** Written by the request hook: a Fastify request does not know its reply. */
export const replyKey: unique symbol = Symbol('spillway.reply')

type Cancellable = FastifyRequest & { [sourceKey]?: CancelSource; [replyKey]?: FastifyReply }

/**
 * Behind the decorator `request.cancelSignal`; made on first use, so that a request that never asks
 * for it pays nothing.
 */
export function cancelSignalOf(request: FastifyRequest): AbortSignal {
  const cancellable: Cancellable = request
  let source = cancellable[sourceKey]
  if (source === undefined) {
    source = new CancelSource(systemClock, expiryOf(request))
    cancellable[sourceKey] = source
    const reply = cancellable[replyKey]
    if (reply !== undefined) onResponseSettled(reply, source)
  }
  return source.signal
}

/** Aborts at the deadline, or when the response ends without having been sent. */
class CancelSource implements SettledListener {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #timer: TimerHandle | undefined

  constructor(clock: Clock, expiresAt: number) {
    this.#clock = clock
    if (expiresAt === Infinity) return
    const leftMs = Math.max(expiresAt - clock.now(), 0)
    this.#timer = clock.setTimer(() => {
      this.#controller.abort(new SpillwayError('SPW_ERR_DEADLINE', { reason: 'deadline' }))
    }, leftMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  responseSettled(raw: ServerResponse): void {
    this.#clock.clearTimer(this.#timer)
    if (isSentInFull(raw)) return
    this.#controller.abort(new SpillwayError('SPW_ERR_CANCELLED', { reason: 'cancelled' }))
  }
}
