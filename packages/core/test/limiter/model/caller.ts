import type { AcquireOptions, Permit, Refusal, Waiter, Waiting } from '@spillway/core'
import type { Ask } from './action.ts'

/** Where a caller stands, as its own record says; the limiter's is compared with it. */
export type CallerState = 'asking' | 'waiting' | 'running' | 'ended' | 'refused'

/** What a caller reports to the world it lives in. */
export interface CallerWatch {
  onAdmitted(caller: Caller, permit: Permit): void
  onRefused(caller: Caller, refusal: Refusal): void
}

/** One call and everything that has happened to it. */
export class Caller implements Waiter {
  readonly ask: Ask
  readonly askedAt: number
  readonly controller = new AbortController()
  readonly #watch: CallerWatch
  state: CallerState = 'asking'
  permit: Permit | undefined
  place: Waiting | undefined
  /** Counts up with each caller that gets a place in the queue. */
  placeNumber = -1
  /** How often it was told; more than once is wrong. */
  answers = 0
  hasLeft = false
  /** How many pauses of its permit have not ended. */
  pauses = 0
  pausedAt = 0
  pausedMs = 0
  startedAt = 0

  constructor(ask: Ask, askedAt: number, watch: CallerWatch) {
    this.ask = ask
    this.askedAt = askedAt
    this.#watch = watch
    if (!ask.isGone) return
    this.hasLeft = true
    this.controller.abort()
  }

  get options(): AcquireOptions {
    const { priority, partition, workload, deadlineMs, maxWaitMs } = this.ask
    const { signal } = this.controller
    return { priority, partition, workload, deadlineMs, maxWaitMs, signal }
  }

  /** The last moment at which it may still be waiting. */
  latest(queueMaxWaitMs: number | undefined): number {
    const { deadlineMs = Infinity, maxWaitMs = Infinity } = this.ask
    const patienceMs = deadlineMs === Infinity ? 500 : deadlineMs
    return this.askedAt + Math.min(patienceMs, maxWaitMs, queueMaxWaitMs ?? Infinity)
  }

  admitted(permit: Permit): void {
    this.#watch.onAdmitted(this, permit)
  }

  refused(refusal: Refusal): void {
    this.#watch.onRefused(this, refusal)
  }
}
