import type { AcquireOptions, Permit, Refusal, Waiter, Waiting } from '@spillway/core'
import { SimEvent } from './event-queue.ts'

/** What the downstream said. `failed`: refused at once for no lack of capacity (a crash). */
export type Answer = 'ok' | 'timeout' | 'refused' | 'failed'

/** How one attempt ended for its client. `late`: answered after the client had left. */
export type Fate = 'good' | 'late' | 'refused' | 'failed'

/** Who is told about a call; a stage of its way. */
export interface CallStage {
  /** The scheduled moment of this stage has come. */
  reached(call: Call): void
}

/** Where a call that waited in a limiter's queue goes on. */
export interface CallOwner {
  admitted(call: Call, permit: Permit): void
  refused(call: Call): void
}

/** One attempt of one client: an event, a waiter and a job in one object, for the sake of speed. */
export class Call extends SimEvent implements Waiter {
  readonly bornAt: number
  readonly arrivedAt: number
  readonly group: number
  readonly options: AcquireOptions
  /** Milliseconds of work, drawn on arrival: the same for every contestant. */
  readonly demandMs: number
  readonly retriesLeft: number
  stage: CallStage | undefined
  owner: CallOwner | undefined
  permit: Permit | undefined
  waiting: Waiting | undefined
  answer: Answer = 'ok'
  fate: Fate | undefined
  /** Set when the client left before the end. */
  abandoned = false
  giveUp: SimEvent | undefined
  submittedAt = 0
  remainingMs = 0
  /** Place among the running calls of a downstream; -1: not running. */
  runningSlot = -1
  inside = false

  constructor(
    bornAt: number,
    arrivedAt: number,
    group: number,
    options: AcquireOptions,
    demandMs: number,
    retriesLeft: number,
  ) {
    super()
    this.bornAt = bornAt
    this.arrivedAt = arrivedAt
    this.group = group
    this.options = options
    this.demandMs = demandMs
    this.retriesLeft = retriesLeft
  }

  fire(): void {
    this.stage!.reached(this)
  }

  admitted(permit: Permit): void {
    this.owner!.admitted(this, permit)
  }

  refused(_refusal: Refusal): void {
    this.owner!.refused(this)
  }
}
