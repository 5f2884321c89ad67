import { knownCallOptions } from '../check-call.ts'
import type { Clock } from '../clock.ts'
import type { Limit } from '../limit/limit.ts'
import type { Mode } from '../mode.ts'
import { modeOption } from '../mode.ts'
import { functionOption } from '../options.ts'
import type { Priority } from '../priority.ts'
import type { AcquireOptions, Admission, Permit, Waiter } from './admission.ts'
import type { Refusal, RefusalReason } from './admission.ts'
import { checkAcquireOptions, obstacleInCall, refusal } from './admission.ts'
import { Durations } from './durations.ts'
import type { Limiter, LimiterOptions, LimiterStats } from './limiter.ts'
import type { ParsedLimiterOptions } from './options.ts'
import { parseLimiterOptions } from './options.ts'
import type { PassageOwner } from './passage.ts'
import { Passage } from './passage.ts'
import type { PermitOwner } from './permit.ts'
import { IssuedPermit } from './permit.ts'
import { permitOf } from './permit-promise.ts'
import { publishLimitChange, publishRefusal } from './publish.ts'
import type { QueueEntry } from './queue-entry.ts'
import { Tally } from './tally.ts'
import { patienceMs } from './wait-budget.ts'
import type { RoomOwner } from './waiting-room.ts'
import { WaitingRoom } from './waiting-room.ts'

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
 * (a release, a limit that moved) serves those who wait before it looks at a newcomer.
 */
class QueueingLimiter implements Limiter, PermitOwner, PassageOwner, RoomOwner {
  readonly name: string
  readonly #clock: Clock
  readonly #limit: Limit
  readonly #room: WaitingRoom
  readonly #tally = new Tally()
  readonly #durations = new Durations()
  #mode: Mode
  /** Calls with a permit, but for those that pause. */
  #permits = 0
  /** Calls that run without one, because they came when nothing was enforced; paused ones left out. */
  #passages = 0
  #closed = false

  constructor(options: ParsedLimiterOptions) {
    this.name = options.name
    this.#mode = options.mode
    this.#clock = options.clock
    this.#limit = options.limit
    this.#room = new WaitingRoom({ ...options, owner: this, durations: this.#durations })
  }

  get limit(): number {
    return this.#limit.at(this.#clock.now())
  }

  get inFlight(): number {
    return this.#permits + this.#passages
  }

  get queued(): number {
    return this.#room.size
  }

  get mode(): Mode {
    return this.#mode
  }

  set mode(mode: Mode) {
    const before = this.#mode
    this.#mode = modeOption('mode', mode)
    if (before !== mode) this.#letWaitersGo(this.#clock.now())
  }

  admit(options: AcquireOptions = noOptions, waiter?: Waiter): Admission {
    checkAcquireOptions(options)
    const now = this.#clock.now()
    this.#durations.event(now)
    const priority = options.priority ?? 'default'
    return this.#mode === 'enforce'
      ? this.#decide(options, priority, waiter, now)
      : this.#letPass(options, priority, waiter !== undefined, now)
  }

  tryAcquire(options: AcquireOptions = noOptions): Permit | undefined {
    const admission = this.admit(knownCallOptions(options), undefined)
    return admission.kind === 'permit' ? admission : undefined
  }

  async acquire(options?: AcquireOptions): Promise<Permit> {
    return permitOf(this, options)
  }

  async run<T>(work: (permit: Permit) => PromiseLike<T> | T, options?: AcquireOptions): Promise<T> {
    functionOption('work', work)
    const admission = permitOf(this, options)
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
    const reason = this.#obstacleNow(options)
    return reason === undefined
      ? undefined
      : refusal(reason, this.#room.planner.backlogMs(this.#clock.now()))
  }

  check(options: AcquireOptions = noOptions): Refusal | undefined {
    const reason = this.#obstacleNow(options)
    return reason === undefined ? undefined : this.refuse(options.priority ?? 'default', reason)
  }

  stats(): LimiterStats {
    const now = this.#clock.now()
    const { planner } = this.#room
    return {
      name: this.name,
      mode: this.#mode,
      algorithm: this.#limit.algorithm,
      limit: this.#limit.at(now),
      limitReason: this.#limit.reason,
      inFlight: this.inFlight,
      queued: this.#room.size,
      ...this.#tally.snapshot(),
      meanDurationMs: this.#durations.all.value,
      estimatedWaitMs: this.#room.isOpen(now) ? 0 : planner.usualWaitMs(now),
    }
  }

  drain(): void {
    this.#room.turnAllAway('circuit_open')
  }

  close(): void {
    this.#closed = true
    this.#room.turnAllAway('closed')
  }

  /** PermitOwner, PassageOwner */
  now(): number {
    return this.#clock.now()
  }

  /** PermitOwner */
  vacate(now: number): void {
    this.#permits -= 1
    this.#room.serve(now)
  }

  /** PermitOwner */
  occupy(): void {
    this.#permits += 1
  }

  /** PermitOwner */
  settle(permit: IssuedPermit, now: number, hadPlace: boolean): void {
    if (hadPlace) this.#permits -= 1
    this.#tally.released[permit.outcome] += 1
    this.#durations.ended(permit, now)
    this.#learn(permit, now)
    this.#room.serve(now)
  }

  /** PassageOwner */
  endPassage(now: number): void {
    this.#passages -= 1
    this.#room.serve(now)
  }

  /** PassageOwner */
  resumePassage(): void {
    this.#passages += 1
  }

  /** RoomOwner. In the world that is observed, nobody runs without a permit. */
  isFree(now: number): boolean {
    const running = this.#mode === 'observe' ? this.#permits : this.inFlight
    return running < this.#limit.at(now)
  }

  /** RoomOwner */
  issueTo(
    { priority, workload, patienceMs: patience, enqueuedAt }: QueueEntry,
    now: number,
  ): Permit {
    this.#countIn(priority)
    const waited = now - enqueuedAt
    return new IssuedPermit(this, priority, workload, patience, now, waited, this.inFlight)
  }

  /** RoomOwner */
  refuse(priority: Priority, reason: RefusalReason): Refusal {
    const isEnforced = this.#isEnforced(reason)
    this.#tally[isEnforced ? 'refused' : 'wouldHaveRefused'][priority][reason] += 1
    publishRefusal(this, this.#limit, { priority, reason, enforced: isEnforced })
    return refusal(reason, this.#room.planner.backlogMs(this.#clock.now()))
  }

  #decide(
    options: AcquireOptions,
    priority: Priority,
    waiter: Waiter | undefined,
    now: number,
  ): Admission {
    this.#room.serve(now)
    const reason = this.#obstacle(options)
    if (reason !== undefined) return this.refuse(priority, reason)
    if (this.#room.isOpen(now)) return this.#issue(priority, options, now)
    if (this.#mayExceed(options, now)) return this.#passage({ priority, startedAt: now })
    return waiter === undefined
      ? this.refuse(priority, 'limit')
      : this.#room.enter(options, priority, waiter, now)
  }

  /** Nobody is refused, unless the limiter is closed; what would have been decided is counted. */
  #letPass(
    options: AcquireOptions,
    priority: Priority,
    mayWait: boolean,
    now: number,
  ): Permit | Refusal {
    if (this.#closed) return this.refuse(priority, 'closed')
    if (this.#mode === 'off') return this.#passage({ priority, startedAt: now })
    const shadow = new Passage(this, { priority, startedAt: now })
    const admission = this.#decide(options, priority, mayWait ? shadow : undefined, now)
    if (admission.kind === 'permit') return admission
    if (admission.kind === 'refusal') {
      return this.#passage({ priority, startedAt: now, observed: admission })
    }
    this.#passages += 1
    return shadow
  }

  #passage(facts: Pick<Permit, 'priority' | 'startedAt' | 'observed'>, waitedMs = 0): Passage {
    this.#passages += 1
    return new Passage(this, facts, waitedMs)
  }

  /** The mode has changed: those who wait run, and the shadows of those who run wait no more. */
  #letWaitersGo(now: number): void {
    for (const entry of this.#room.takeAll()) {
      if (entry.waiter instanceof Passage) continue
      entry.admit(
        this.#passage({ priority: entry.priority, startedAt: now }, now - entry.enqueuedAt),
      )
    }
  }

  #learn(permit: IssuedPermit, now: number): void {
    const before = this.#limit.current
    this.#limit.onSample(permit, now)
    if (this.#limit.current !== before) publishLimitChange(this.name, before, this.#limit)
  }

  /** What stops a call whether or not there is room. */
  #obstacle(options: AcquireOptions): RefusalReason | undefined {
    return this.#closed ? 'closed' : obstacleInCall(options)
  }

  /** What stops a call that may wait, as far as it is enforced. */
  #obstacleNow(options: AcquireOptions): RefusalReason | undefined {
    checkAcquireOptions(options)
    const now = this.#clock.now()
    this.#room.serve(now)
    const reason = this.#obstacle(options) ?? this.#obstacleToWait(options, now)
    return reason !== undefined && this.#isEnforced(reason) ? reason : undefined
  }

  #obstacleToWait(options: AcquireOptions, now: number): RefusalReason | undefined {
    if (this.#room.isOpen(now) || this.#mayExceed(options, now)) return undefined
    return this.#room.obstacle(options, now)
  }

  #mayExceed(options: AcquireOptions, now: number): boolean {
    return options.mayExceed?.(this.#limit.at(now), now) === true
  }

  #isEnforced(reason: RefusalReason): boolean {
    return this.#mode === 'enforce' || reason === 'closed'
  }

  #issue(priority: Priority, options: AcquireOptions, now: number): IssuedPermit {
    this.#countIn(priority)
    const patience = patienceMs(options.deadlineMs)
    return new IssuedPermit(this, priority, options.workload, patience, now, 0, this.inFlight)
  }

  #countIn(priority: Priority): void {
    this.#tally.admitted[priority] += 1
    this.#permits += 1
  }
}
