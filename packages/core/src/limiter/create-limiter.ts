import type { Clock } from '../clock.ts'
import type { Limit } from '../limit/limit.ts'
import type { Priority } from '../priority.ts'
import { checkPriority, rankOf } from '../priority.ts'
import type { AcquireOptions, Admission, Permit, Waiter } from './admission.ts'
import type { Refusal, RefusalReason } from './admission.ts'
import { refusal, refusalError } from './admission.ts'
import { DurationMean } from './duration-mean.ts'
import type { Limiter, LimiterOptions, LimiterStats } from './limiter.ts'
import type { ParsedLimiterOptions } from './options.ts'
import { parseLimiterOptions } from './options.ts'
import type { PermitOwner } from './permit.ts'
import { IssuedPermit } from './permit.ts'
import type { EntryOwner } from './queue-entry.ts'
import { PermitPromise } from './permit-promise.ts'
import { publishLimitChange, publishRefusal } from './publish.ts'
import { QueueEntry } from './queue-entry.ts'
import { QueueTimer } from './queue-timer.ts'
import { Tally } from './tally.ts'
import { isTooLate, patienceMs, usableMs } from './wait-budget.ts'
import { WaitPlanner } from './wait-planner.ts'
import { WaitingQueue } from './waiting-queue.ts'

/**
 * Makes a limiter.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function createLimiter(options: LimiterOptions): Limiter {
  return new QueueingLimiter(parseLimiterOptions(options))
}

const noOptions: AcquireOptions = Object.freeze({})

/**
 * Invariant: whoever waits, waits because nothing is free. Every event that can free something
 * (a release, a limit that moved) dispatches before it looks at a newcomer.
 */
class QueueingLimiter implements Limiter, PermitOwner, EntryOwner {
  readonly name: string
  readonly #clock: Clock
  readonly #limit: Limit
  readonly #queue = new WaitingQueue()
  readonly #planner: WaitPlanner
  readonly #timer: QueueTimer
  readonly #tally = new Tally()
  readonly #duration = new DurationMean()
  #inFlight = 0
  #closed = false
  #dispatching = false

  constructor(options: ParsedLimiterOptions) {
    this.name = options.name
    this.#clock = options.clock
    this.#limit = options.limit({ clock: options.clock })
    this.#planner = new WaitPlanner(this.#queue, this.#duration, this.#limit, options)
    this.#timer = new QueueTimer(options.clock, () => {
      this.#onQueueTimer()
    })
  }

  get limit(): number {
    return this.#limit.at(this.#clock.now())
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get queued(): number {
    return this.#queue.size
  }

  admit(options: AcquireOptions = noOptions, waiter?: Waiter): Admission {
    const now = this.#clock.now()
    if (this.#queue.size > 0) this.#dispatch(now)
    const priority = options.priority ?? 'default'
    checkPriority(priority)
    const reason = this.#obstacle(options)
    if (reason !== undefined) return this.#refuse(priority, reason)
    if (this.#hasRoom(now)) return this.#issue(priority, options, now)
    return waiter === undefined
      ? this.#refuse(priority, 'limit')
      : this.#enqueue(options, priority, waiter, now)
  }

  tryAcquire(options?: AcquireOptions): Permit | undefined {
    const admission = this.admit(options, undefined)
    return admission.kind === 'permit' ? admission : undefined
  }

  async acquire(options?: AcquireOptions): Promise<Permit> {
    return this.#permit(options)
  }

  async run<T>(work: (permit: Permit) => PromiseLike<T> | T, options?: AcquireOptions): Promise<T> {
    const admission = this.#permit(options)
    const permit = 'kind' in admission ? admission : await admission
    try {
      const result = await work(permit)
      permit.release('success')
      return result
    } finally {
      permit.release('ignored')
    }
  }

  wouldRefuse(options: AcquireOptions = noOptions): Refusal | undefined {
    const now = this.#clock.now()
    if (this.#queue.size > 0) this.#dispatch(now)
    checkPriority(options.priority ?? 'default')
    const reason = this.#obstacle(options) ?? this.#obstacleToWait(options, now)
    return reason === undefined ? undefined : refusal(reason, this.#planner.backlogMs())
  }

  stats(): LimiterStats {
    const now = this.#clock.now()
    return {
      name: this.name,
      algorithm: this.#limit.algorithm,
      limit: this.#limit.at(now),
      limitReason: this.#limit.reason,
      inFlight: this.#inFlight,
      queued: this.#queue.size,
      ...this.#tally.snapshot(),
      meanDurationMs: this.#duration.value,
      estimatedWaitMs: this.#hasRoom(now) ? 0 : this.#planner.waitMs(rankOf('default'), '', false),
    }
  }

  drain(): void {
    this.#turnAllAway('circuit_open')
  }

  close(): void {
    this.#closed = true
    this.#turnAllAway('closed')
    this.#timer.cancel()
  }

  /** PermitOwner */
  settle(permit: IssuedPermit): void {
    const now = this.#clock.now()
    this.#inFlight -= 1
    this.#tally.released[permit.outcome] += 1
    permit.durationMs = now - permit.startedAt
    if (permit.outcome !== 'ignored') this.#duration.add(permit.durationMs)
    this.#learn(permit, now)
    if (this.#queue.size > 0) this.#dispatch(now)
  }

  /** EntryOwner */
  cancelEntry(entry: QueueEntry): void {
    if (this.#queue.remove(entry)) this.#turnAway(entry, 'cancelled')
  }

  #permit(options: AcquireOptions | undefined): Permit | Promise<Permit> {
    const waiter = new PermitPromise()
    const admission = this.admit(options, waiter)
    if (admission.kind === 'permit') return admission
    if (admission.kind === 'refusal') throw refusalError(admission)
    return waiter.promise()
  }

  #learn(permit: IssuedPermit, now: number): void {
    const before = this.#limit.current
    this.#limit.onSample(permit, now)
    if (this.#limit.current !== before) publishLimitChange(this.name, before, this.#limit)
  }

  /** What stops a call whether or not there is room. */
  #obstacle(options: AcquireOptions): RefusalReason | undefined {
    if (this.#closed) return 'closed'
    if (options.deadlineMs !== undefined && !(options.deadlineMs > 0)) return 'deadline'
    if (options.signal?.aborted === true) return 'cancelled'
    return undefined
  }

  /** While somebody waits nothing is free: a newcomer never overtakes the queue. */
  #hasRoom(now: number): boolean {
    return this.#queue.size === 0 && this.#inFlight < this.#limit.at(now)
  }

  #issue(priority: Priority, options: AcquireOptions, now: number): IssuedPermit {
    this.#countIn(priority)
    const patience = patienceMs(options.deadlineMs)
    return new IssuedPermit(this, priority, options.workload, patience, now, 0, this.#inFlight)
  }

  #countIn(priority: Priority): void {
    this.#tally.admitted[priority] += 1
    this.#inFlight += 1
  }

  #enqueue(options: AcquireOptions, priority: Priority, waiter: Waiter, now: number): Admission {
    const plan = this.#planner.plan(options, now)
    if (plan.kind === 'refuse') return this.#refuse(priority, plan.reason)
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
      expiresAt: now + plan.budgetMs,
      serveBy: now + usableMs(options.deadlineMs),
      patienceMs: patienceMs(options.deadlineMs),
    })
    this.#queue.push(entry, rank, partition)
    entry.signal?.addEventListener('abort', entry)
    this.#timer.noLaterThan(entry.expiresAt, now)
    if (victim !== undefined) this.#turnAwaySoon(victim, 'evicted')
    return entry
  }

  /** What stops a call that would have to wait; nothing while there is room. */
  #obstacleToWait(options: AcquireOptions, now: number): RefusalReason | undefined {
    if (this.#hasRoom(now)) return undefined
    const plan = this.#planner.plan(options, now)
    return plan.kind === 'refuse' ? plan.reason : undefined
  }

  /** Hands out what is free. A waiter that releases at once is served by the loop, not by recursion. */
  #dispatch(now: number): void {
    if (this.#dispatching || this.#closed) return
    this.#dispatching = true
    try {
      this.#expire(now)
      while (this.#inFlight < this.#limit.at(now)) {
        const entry = this.#queue.next(now)
        if (entry === undefined) break
        if (isTooLate(entry.serveBy, now, this.#duration.cautious)) this.#turnAway(entry, 'waited')
        else this.#admitEntry(entry, now)
      }
    } finally {
      this.#dispatching = false
    }
    if (this.#queue.size === 0) this.#timer.cancel()
  }

  #admitEntry(entry: QueueEntry, now: number): void {
    entry.signal?.removeEventListener('abort', entry)
    this.#countIn(entry.priority)
    const { priority, workload, patienceMs: patience, enqueuedAt } = entry
    const waited = now - enqueuedAt
    entry.admit(new IssuedPermit(this, priority, workload, patience, now, waited, this.#inFlight))
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
    entry.refuse(this.#refuse(entry.priority, reason))
    if (this.#queue.size === 0) this.#timer.cancel()
  }

  /** All are out of the queue before one is told: whoever asks again at once is a newcomer. */
  #turnAllAway(reason: RefusalReason): void {
    const waiting: QueueEntry[] = []
    for (let entry = this.#queue.next(0); entry !== undefined; entry = this.#queue.next(0)) {
      waiting.push(entry)
    }
    for (const entry of waiting) this.#turnAway(entry, reason)
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

  #refuse(priority: Priority, reason: RefusalReason): Refusal {
    this.#tally.refused[priority][reason] += 1
    publishRefusal(this, this.#limit, priority, reason)
    return refusal(reason, this.#planner.backlogMs())
  }

  #onQueueTimer(): void {
    const now = this.#clock.now()
    this.#dispatch(now)
    const next = this.#queue.nextExpiry()
    if (next !== undefined) this.#timer.noLaterThan(next, now)
  }
}
