import type { Priority } from '../priority.ts'
import type { Permit, Refusal, Waiter, Waiting } from './admission.ts'
import type { Lane } from './lane.ts'

/** Where a cancelled entry is reported. */
export interface EntryOwner {
  cancelEntry(entry: QueueEntry): void
}

/** One waiting call; a node of its lane's linked list, so that leaving costs O(1). */
export class QueueEntry implements Waiting, EventListenerObject {
  readonly kind = 'waiting'
  readonly owner: EntryOwner
  readonly waiter: Waiter
  readonly priority: Priority
  readonly workload: string | undefined
  readonly signal: AbortSignal | undefined
  readonly enqueuedAt: number
  /** Monotonic milliseconds after which it is refused. */
  readonly expiresAt: number
  /** Monotonic milliseconds at which it must have been served, the call included. */
  readonly serveBy: number
  /** What such a call takes, in the planner's unit, as far as that was known when it came. */
  readonly cost: number
  /** The caller's patience. */
  readonly patienceMs: number
  /** Whether it may wait as long as its deadline lets it. */
  readonly mayWaitWhole: boolean
  /** Undefined once it has left the queue. */
  lane: Lane | undefined = undefined
  older: QueueEntry | undefined = undefined
  newer: QueueEntry | undefined = undefined

  constructor(
    fields: Pick<
      QueueEntry,
      | 'owner'
      | 'waiter'
      | 'priority'
      | 'workload'
      | 'signal'
      | 'enqueuedAt'
      | 'expiresAt'
      | 'serveBy'
      | 'cost'
      | 'patienceMs'
      | 'mayWaitWhole'
    >,
  ) {
    this.owner = fields.owner
    this.waiter = fields.waiter
    this.priority = fields.priority
    this.workload = fields.workload
    this.signal = fields.signal
    this.enqueuedAt = fields.enqueuedAt
    this.expiresAt = fields.expiresAt
    this.serveBy = fields.serveBy
    this.cost = fields.cost
    this.patienceMs = fields.patienceMs
    this.mayWaitWhole = fields.mayWaitWhole
  }

  /** Tells the waiter; a permit that it fails to take comes back. */
  admit(permit: Permit): void {
    try {
      this.waiter.admitted(permit)
    } catch (error) {
      permit.release('ignored')
      surface(error)
    }
  }

  /** Tells the waiter. */
  refuse(refusal: Refusal): void {
    try {
      this.waiter.refused(refusal)
    } catch (error) {
      surface(error)
    }
  }

  cancel(): void {
    this.owner.cancelEntry(this)
  }

  /** The entry itself listens to its signal: no closure per waiting call. */
  handleEvent(): void {
    this.cancel()
  }
}

/**
 * Lets the error of a waiter become an uncaught exception, out of the way of whoever released a
 * permit just now and of those who wait behind.
 */
function surface(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

interface EventListenerObject {
  handleEvent(event: Event): void
}
