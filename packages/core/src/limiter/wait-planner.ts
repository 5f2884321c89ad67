import type { Limit } from '../limit/limit.ts'
import type { PriorityRank } from '../priority.ts'
import { rankOf } from '../priority.ts'
import type { AcquireOptions, RefusalReason } from './admission.ts'
import type { Durations } from './durations.ts'
import type { QueueBounds } from './options.ts'
import type { WaitBudget } from './wait-budget.ts'
import { patienceMs, usableMs, waitBudget } from './wait-budget.ts'
import type { Newcomer, WaitingQueue } from './waiting-queue.ts'

/** Whether a call may wait, and for how long. */
export type WaitPlan =
  /** `mustEvict`: the queue is full, and somebody in it has to make room. */
  | { readonly kind: 'wait'; readonly budget: WaitBudget; readonly mustEvict: boolean }
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
    const patience = patienceMs(options.deadlineMs)
    const isOverloaded = this.#queue.isOverloaded(rank, partition, patience, now)
    const duration = this.#durations.of(options.workload)
    const own = waitBudget({
      deadlineMs: options.deadlineMs,
      maxWaitMs: options.maxWaitMs,
      queueMaxWaitMs: this.#bounds.maxWaitMs,
      meanDurationMs: duration.cautious,
      permitIntervalMs: this.#drainMs(1, now),
      isOverloaded,
    })
    const budget = withCaller(own, usableMs(options.callerDeadlineMs) - duration.cautious)
    // Also when it is no number.
    if (!(budget.ms > 0)) {
      return { kind: 'refuse', reason: isInTime(options, duration.cautious) ? 'limit' : 'deadline' }
    }
    const cost = this.cost(options.workload)
    const newcomer = { partition, cost, newestFirst: isOverloaded }
    if (this.waitMs(rank, newcomer, now) > benefitOfDoubt * budget.ms) {
      return { kind: 'refuse', reason: 'estimated_wait' }
    }
    const mustEvict = this.#queue.size >= this.#bounds.maxSize
    return mustEvict && !this.#queue.canEvict(rank, partition)
      ? { kind: 'refuse', reason: 'limit' }
      : { kind: 'wait', budget, mustEvict }
  }

  /** What is ahead, shared among as many as may run; one permit must come free in any case. */
  waitMs(rank: PriorityRank, newcomer: Newcomer, now: number): number {
    const ahead = this.#queue.workAhead(rank, newcomer)
    return ahead * this.#unitMs(now) + this.#drainMs(1, now)
  }

  /** The wait of a usual call, that says nothing of itself. */
  usualWaitMs(now: number): number {
    const cost = this.cost(undefined)
    return this.waitMs(rankOf('default'), { partition: '', cost, newestFirst: false }, now)
  }

  /**
   * What such a call takes: the milliseconds that it keeps its permit. All take the same where the
   * limit says itself how often one comes free, which is then known anew for all who wait.
   */
  cost(workload: string | undefined): number {
    return this.#limit.permitIntervalMs === undefined ? this.#durations.of(workload).value : 1
  }

  /** How long the calls that wait now take to drain. */
  backlogMs(now: number): number {
    return this.#drainMs(this.#queue.size + 1, now)
  }

  /** By Little's law a permit comes free every mean duration / limit. */
  #drainMs(calls: number, now: number): number {
    const { permitIntervalMs } = this.#limit
    return calls * (permitIntervalMs ?? this.#durations.all.value / this.#capacity(now))
  }

  /** How long a call of cost 1 keeps the others waiting. */
  #unitMs(now: number): number {
    return this.#limit.permitIntervalMs ?? 1 / this.#capacity(now)
  }

  /** Of a limit of one, an experiment makes two; while half-open, nothing starts for the moment. */
  #capacity(now: number): number {
    return Math.max(this.#limit.current, this.#limit.at(now))
  }
}

/** Whether its deadlines leave time for the call: then it may not wait for another reason. */
function isInTime({ deadlineMs, callerDeadlineMs }: AcquireOptions, durationMs: number): boolean {
  return Math.min(usableMs(deadlineMs), usableMs(callerDeadlineMs)) > durationMs
}

/** A caller who may be anybody shortens its own wait, and what becomes of it says nothing of others. */
function withCaller(own: WaitBudget, callerMs: number): WaitBudget {
  return callerMs < own.ms ? { ms: callerMs, isWhole: false } : own
}
