import type { Clock } from '../clock.ts'
import type { Limit } from '../limit/limit.ts'
import type { Priority } from '../priority.ts'
import { rankOf } from '../priority.ts'
import type {
  AcquireOptions,
  Permit,
  Refusal,
  RefusalReason,
  Waiter,
  Waiting,
} from './admission.ts'
import type { Durations } from './durations.ts'
import type { QueueBounds } from './options.ts'
import type { EntryOwner } from './queue-entry.ts'
import { QueueEntry } from './queue-entry.ts'
import { QueueTimer } from './queue-timer.ts'
import { isTooLate, patienceMs, usableMs } from './wait-budget.ts'
import { WaitPlanner } from './wait-planner.ts'
import { WaitingQueue } from './waiting-queue.ts'

/** The limiter, as far as those who wait are concerned. */
export interface RoomOwner {
  /** Whether one more may run. */
  isFree(now: number): boolean
  /** The permit of one whose turn has come. */
  issueTo(entry: QueueEntry, now: number): Permit
  /** Counts a refusal and words it. */
  refuse(priority: Priority, reason: RefusalReason): Refusal
}

export interface RoomOptions extends QueueBounds {
  readonly owner: RoomOwner
  readonly limit: Limit
  readonly durations: Durations
  readonly clock: Clock
}

/** Where calls wait for a permit: who may, for how long, whose turn it is, and who is turned away. */
export class WaitingRoom implements EntryOwner {
  readonly planner: WaitPlanner
  readonly #queue = new WaitingQueue()
  readonly #owner: RoomOwner
  readonly #durations: Durations
  readonly #timer: QueueTimer
  #isServing = false

  constructor(options: RoomOptions) {
    const { owner, limit, durations, clock } = options
    this.#owner = owner
    this.#durations = durations
    this.planner = new WaitPlanner(this.#queue, durations, limit, options)
    this.#timer = new QueueTimer(clock, () => {
      this.#onTimer(clock.now())
    })
  }

  get size(): number {
    return this.#queue.size
  }

  /** While somebody waits nothing is free: a newcomer never overtakes the queue. */
  isOpen(now: number): boolean {
    return this.#queue.size === 0 && this.#owner.isFree(now)
  }

  /** What stops a call that would have to wait. */
  obstacle(options: AcquireOptions, now: number): RefusalReason | undefined {
    const plan = this.planner.plan(options, now)
    return plan.kind === 'refuse' ? plan.reason : undefined
  }

  /** A place in the queue, or the refusal of one who need not wait. */
  enter(
    options: AcquireOptions,
    priority: Priority,
    waiter: Waiter,
    now: number,
  ): Waiting | Refusal {
    const plan = this.planner.plan(options, now)
    if (plan.kind === 'refuse') return this.#owner.refuse(priority, plan.reason)
    const rank = rankOf(priority)
    const partition = options.partition ?? ''
    const victim = plan.mustEvict ? this.#queue.evict(rank, partition) : undefined
    const entry = new QueueEntry({
      owner: this,
      waiter,
      priority,
      workload: options.workload,
      signal: options.signal,
      enqueuedAt: now,
      expiresAt: now + plan.budget.ms,
      serveBy: now + Math.min(usableMs(options.deadlineMs), usableMs(options.callerDeadlineMs)),
      cost: this.planner.cost(options.workload),
      patienceMs: patienceMs(options.deadlineMs),
      mayWaitWhole: plan.budget.isWhole,
    })
    this.#queue.push(entry, rank, partition)
    entry.signal?.addEventListener('abort', entry)
    this.#timer.noLaterThan(entry.expiresAt, now)
    if (victim !== undefined) this.#turnAwaySoon(victim, 'evicted')
    return entry
  }

  /** Hands out what is free. A waiter that releases at once is served by the loop, not by recursion. */
  serve(now: number): void {
    if (this.#isServing || this.#queue.size === 0) return
    this.#isServing = true
    try {
      this.#expire(now)
      while (this.#owner.isFree(now)) {
        const entry = this.#queue.next(now)
        if (entry === undefined) break
        const { cautious } = this.#durations.of(entry.workload)
        if (isTooLate(entry.serveBy, now, cautious)) this.#turnAway(entry, 'waited')
        else this.#admit(entry, now)
      }
    } finally {
      this.#isServing = false
    }
    if (this.#queue.size === 0) this.#timer.cancel()
  }

  /** EntryOwner */
  cancelEntry(entry: QueueEntry): void {
    if (this.#queue.remove(entry)) this.#turnAway(entry, 'cancelled')
  }

  /** Everybody who waits now. */
  turnAllAway(reason: RefusalReason): void {
    for (const entry of this.takeAll()) this.#turnAway(entry, reason)
  }

  /** All are out of the queue before one is told: whoever asks again at once is a newcomer. */
  takeAll(): readonly QueueEntry[] {
    const waiting: QueueEntry[] = []
    for (let entry = this.#queue.next(0); entry !== undefined; entry = this.#queue.next(0)) {
      entry.signal?.removeEventListener('abort', entry)
      waiting.push(entry)
    }
    this.#timer.cancel()
    return waiting
  }

  #admit(entry: QueueEntry, now: number): void {
    entry.signal?.removeEventListener('abort', entry)
    entry.admit(this.#owner.issueTo(entry, now))
  }

  #expire(now: number): void {
    for (;;) {
      const entry = this.#queue.nextExpired(now)
      if (entry === undefined) return
      this.#turnAway(entry, 'waited')
    }
  }

  /** Refuses somebody who has waited and is out of the queue already. */
  #turnAway(entry: QueueEntry, reason: RefusalReason): void {
    entry.signal?.removeEventListener('abort', entry)
    entry.refuse(this.#owner.refuse(entry.priority, reason))
    if (this.#queue.size === 0) this.#timer.cancel()
  }

  /**
   * At once, a waiter that asks again or releases would act in the middle of the call that pushed it
   * out; by a timer, its client might have left in between.
   */
  #turnAwaySoon(entry: QueueEntry, reason: RefusalReason): void {
    queueMicrotask(() => {
      this.#turnAway(entry, reason)
    })
  }

  #onTimer(now: number): void {
    this.serve(now)
    const next = this.#queue.nextExpiry()
    if (next !== undefined) this.#timer.noLaterThan(next, now)
  }
}
