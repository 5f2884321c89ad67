import { AsyncResource } from 'node:async_hooks'
import type { AcquireOptions, Priority, Refusal, Runnable, Waiting } from '@spillway/core'
import type { SettledListener } from '@spillway/plugin-kit'
import { onResponseSettled, remainingTime } from '@spillway/plugin-kit'
import type { FastifyReply } from 'fastify'
import type { Gate } from './gatekeeper.ts'

/** A request that has to wait for the processor, or is refused instead. */
export class Visit implements AcquireOptions, Runnable, SettledListener {
  readonly priority: Priority
  readonly deadlineMs: number | undefined
  readonly callerDeadlineMs: number | undefined
  readonly #gate: Gate
  readonly #reply: FastifyReply
  readonly #proceed: () => void
  /** It will go on in the middle of somebody else's. */
  readonly #context = new AsyncResource('spillway.run')
  #place: Waiting | undefined

  constructor(gate: Gate, reply: FastifyReply, priority: Priority, proceed: () => void) {
    this.priority = priority
    const { deadlineMs, callerDeadlineMs } = remainingTime(reply.request)
    this.deadlineMs = deadlineMs
    this.callerDeadlineMs = callerDeadlineMs
    this.#gate = gate
    this.#reply = reply
    this.#proceed = proceed
  }

  enter(): void {
    const answer = this.#gate.shedder.enter(this, this)
    if (answer === undefined) return
    if (answer.kind === 'refusal') {
      this.#turnAway(answer)
      return
    }
    this.#place = answer
    onResponseSettled(this.#reply, this)
  }

  /** Runnable */
  run(): void {
    this.#place = undefined
    this.#context.runInAsyncScope(this.#proceed)
  }

  /** Runnable */
  refused(refusal: Refusal): void {
    this.#place = undefined
    // Cancelled means that the client has gone: there is nobody to answer.
    if (refusal.reason === 'cancelled') return
    this.#context.runInAsyncScope(() => {
      this.#turnAway(refusal)
    })
  }

  /** SettledListener */
  responseSettled(): void {
    this.#place?.cancel()
  }

  #turnAway(refusal: Refusal): void {
    const { reason, retryAfterMs } = refusal
    // What it is short of is the processor, not a place.
    const code = refusal.code === 'SPW_ERR_LIMIT_EXCEEDED' ? 'SPW_ERR_OVERLOADED' : refusal.code
    this.#gate.log.count(`run queue: ${reason}`)
    this.#gate.rejection.send(this.#reply, { code, retryAfterMs })
  }
}
