import type { Limit } from '../limit/limit.ts'
import type { PriorityRank } from '../priority.ts'
import { rankOf } from '../priority.ts'
import type { AcquireOptions, RefusalReason } from './admission.ts'
import type { Durations } from './durations.ts'
import type { QueueBounds } from './options.ts'
import { isOverloaded, patienceMs, usableMs, waitBudgetMs } from './wait-budget.ts'
import type { Newcomer, WaitingQueue } from './waiting-queue.ts'

/** Whether a call may wait, and for how long. */
export type WaitPlan =
  /** `mustEvict`: the queue is full, and somebody in it has to make room. */
  | { readonly kind: 'wait'; readonly budgetMs: number; readonly mustEvict: boolean }
  | { readonly kind: 'refuse'; readonly reason: RefusalReason }

/**
 * The estimate is a mean of few calls and may be off by a fifth. Who is only probably too late waits
 * and is told by the clock; a wrong refusal could never be made good.
 */
const benefitOfDoubt = 1.25

/** Weighs what a call may wait against what it would have to wait. */
export class WaitPlanner {
  readonly #queue: WaitingQueue
  readonly #durations: Durations
  readonly #limit: Limit
  readonly #bounds: QueueBounds

  constructor(queue: WaitingQueue, durations: Durations, limit: Limit, bounds: QueueBounds) {
    this.#queue = queue
    this.#durations = durations
    this.#limit = limit
    this.#bounds = bounds
  }

  /** Who cannot make it is told at once rather than after its deadline. */
  plan(options: AcquireOptions, now: number): WaitPlan {
    const rank = rankOf(options.priority ?? 'default')
    const partition = options.partition ?? ''
    const standingMs = this.#queue.standingMs(rank, partition, now)
    const duration = this.#durations.of(options.workload)
    const ownBudgetMs = waitBudgetMs({
      deadlineMs: options.deadlineMs,
      maxWaitMs: options.maxWaitMs,
      queueMaxWaitMs: this.#bounds.maxWaitMs,
      meanDurationMs: duration.cautious,
      permitIntervalMs: this.#drainMs(1),
      standingMs,
    })
    const budgetMs = Math.min(ownBudgetMs, usableMs(options.callerDeadlineMs) - duration.cautious)
    // Also when it is no number.
    if (!(budgetMs > 0)) return { kind: 'refuse', reason: 'deadline' }
    const newestFirst = isOverloaded(standingMs, patienceMs(options.deadlineMs))
    const newcomer = { partition, costMs: duration.value, newestFirst }
    if (this.waitMs(rank, newcomer) > benefitOfDoubt * budgetMs) {
      return { kind: 'refuse', reason: 'estimated_wait' }
    }
    const mustEvict = this.#queue.size >= this.#bounds.maxSize
    return mustEvict && !this.#queue.canEvict(rank, partition)
      ? { kind: 'refuse', reason: 'limit' }
      : { kind: 'wait', budgetMs, mustEvict }
  }

  /** What is ahead, shared among as many as may run; one permit must come free in any case. */
  waitMs(rank: PriorityRank, newcomer: Newcomer): number {
    const aheadMs = this.#queue.workAheadMs(rank, newcomer)
    return aheadMs / this.#limit.current + this.#drainMs(1)
  }

  /** The wait of a usual call, that says nothing of itself. */
  usualWaitMs(): number {
    const costMs = this.#durations.all.value
    return this.waitMs(rankOf('default'), { partition: '', costMs, newestFirst: false })
  }

  /** How long the calls that wait now take to drain. */
  backlogMs(): number {
    return this.#drainMs(this.#queue.size + 1)
  }

  /** By Little's law a permit comes free every mean duration / limit. */
  #drainMs(calls: number): number {
    return (calls * this.#durations.all.value) / this.#limit.current
  }
}
