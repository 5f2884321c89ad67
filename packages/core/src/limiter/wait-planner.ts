import type { Limit } from '../limit/limit.ts'
import type { PriorityRank } from '../priority.ts'
import { rankOf } from '../priority.ts'
import type { AcquireOptions, RefusalReason } from './admission.ts'
import type { DurationMean } from './duration-mean.ts'
import type { QueueBounds } from './options.ts'
import type { WaitBudget } from './wait-budget.ts'
import { patienceMs, waitBudget } from './wait-budget.ts'
import type { WaitingQueue } from './waiting-queue.ts'

/** Whether a call may wait, and for how long. */
export type WaitPlan =
  /** `mustEvict`: the queue is full, and somebody in it has to make room. */
  | { readonly kind: 'wait'; readonly budget: WaitBudget; readonly mustEvict: boolean }
  /** `isLost`: all that its deadline leaves is less than the estimated wait. */
  | { readonly kind: 'refuse'; readonly reason: RefusalReason; readonly isLost?: boolean }

/**
 * The estimate is a mean of few calls and may be off by a fifth. Who is only probably too late waits
 * and is told by the clock; a wrong refusal could never be made good.
 */
const benefitOfDoubt = 1.25

/** Weighs what a call may wait against what it would have to wait. */
export class WaitPlanner {
  readonly #queue: WaitingQueue
  readonly #duration: DurationMean
  readonly #limit: Limit
  readonly #bounds: QueueBounds

  constructor(queue: WaitingQueue, duration: DurationMean, limit: Limit, bounds: QueueBounds) {
    this.#queue = queue
    this.#duration = duration
    this.#limit = limit
    this.#bounds = bounds
  }

  /** Who cannot make it is told at once rather than after its deadline. */
  plan(options: AcquireOptions, now: number): WaitPlan {
    const rank = rankOf(options.priority ?? 'default')
    const partition = options.partition ?? ''
    const patience = patienceMs(options.deadlineMs)
    const isOverloaded = this.#queue.isOverloaded(rank, partition, patience, now)
    const budget = waitBudget({
      deadlineMs: options.deadlineMs,
      maxWaitMs: options.maxWaitMs,
      queueMaxWaitMs: this.#bounds.maxWaitMs,
      meanDurationMs: this.#duration.cautious,
      permitIntervalMs: this.#drainMs(1),
      isOverloaded,
    })
    // Also when it is no number.
    if (!(budget.ms > 0)) return { kind: 'refuse', reason: 'deadline' }
    if (this.waitMs(rank, partition, isOverloaded) > benefitOfDoubt * budget.ms) {
      return { kind: 'refuse', reason: 'estimated_wait', isLost: budget.isWhole }
    }
    const mustEvict = this.#queue.size >= this.#bounds.maxSize
    return mustEvict && !this.#queue.canEvict(rank, partition)
      ? { kind: 'refuse', reason: 'limit' }
      : { kind: 'wait', budget, mustEvict }
  }

  /** How long such a call would wait. */
  waitMs(rank: PriorityRank, partition: string, newestFirst: boolean): number {
    return this.#drainMs(this.#queue.ahead(rank, partition, newestFirst) + 1)
  }

  /** How long the calls that wait now take to drain. */
  backlogMs(): number {
    return this.#drainMs(this.#queue.size + 1)
  }

  /** By Little's law a permit comes free every mean duration / limit. */
  #drainMs(calls: number): number {
    return calls * (this.#limit.permitIntervalMs ?? this.#duration.value / this.#limit.current)
  }
}
