import type { AcquireOptions, RetryBudget } from '@spillway/core'
import { createRetryBudget } from '@spillway/core'
import { Call } from './call.ts'
import type { EventQueue } from './event-queue.ts'
import { Moment, SimEvent } from './event-queue.ts'
import { Lognormal, Random } from './random.ts'
import { VirtualClock } from './virtual-clock.ts'
import type { CallClass, WorldSpec } from './world-spec.ts'
import { defaultDeadlineMs, valueAt } from './world-spec.ts'

/** A class of calls with everything that need not be computed per call. */
interface PreparedClass {
  readonly spec: CallClass
  readonly service: Lognormal
  readonly options: AcquireOptions
}

/** First retry after up to this long; each further one after up to twice as long. */
const retryBackoffMs = 100

/**
 * Clients that come whether or not others were answered (open loop, Poisson), and that draw what
 * they will cost on arrival: every contestant faces the same calls.
 */
export class Clients extends SimEvent {
  readonly #queue: EventQueue
  readonly #spec: WorldSpec
  readonly #send: (call: Call) => void
  readonly #classes: readonly PreparedClass[]
  readonly #arrivals: Random
  readonly #work: Random
  readonly #backoff: Random
  readonly #peakPerMs: number
  readonly #budget: RetryBudget | undefined

  constructor(queue: EventQueue, spec: WorldSpec, seed: number, send: (call: Call) => void) {
    super()
    this.#queue = queue
    this.#spec = spec
    this.#send = send
    this.#classes = spec.classes.map((callClass) => prepare(callClass, spec))
    this.#arrivals = new Random(seed, 1)
    this.#work = new Random(seed, 2)
    this.#backoff = new Random(seed, 3)
    this.#budget = spec.hasRetryBudget === true ? budgetOf(queue) : undefined
    this.#peakPerMs = (spec.peakPerSecond ?? valueAt(spec.perSecond, 0)) / 1000
  }

  start(): void {
    for (const { at, count } of this.#spec.herds ?? []) {
      this.#queue.schedule(new Moment(() => this.#stampede(count)), at)
    }
    this.#scheduleNext()
  }

  /** Tries again a little later, if the client still wants to and may. */
  retry(failed: Call): void {
    if (this.#budget?.tryRetry() === false) return
    const attempt = (this.#spec.retries ?? 0) - failed.retriesLeft
    const waitMs = this.#backoff.uniform() * retryBackoffMs * 2 ** attempt
    const event = new Moment(() => {
      this.#send(this.#makeCall(failed.group, failed.bornAt, failed.retriesLeft - 1))
    })
    this.#queue.schedule(event, this.#queue.now + waitMs)
  }

  /** The next candidate is here; thinning makes the rate what it should be at this moment. */
  fire(): void {
    const { now } = this.#queue
    const { perSecond, durationMs } = this.#spec
    if (now >= durationMs) return
    const keep =
      typeof perSecond === 'number' ||
      this.#arrivals.uniform() * this.#peakPerMs < perSecond(now) / 1000
    this.#scheduleNext()
    if (keep) this.#send(this.#newcomer())
  }

  #scheduleNext(): void {
    if (this.#peakPerMs <= 0) return
    this.#queue.schedule(this, this.#queue.now + this.#arrivals.exponential(1 / this.#peakPerMs))
  }

  #stampede(count: number): void {
    for (let index = 0; index < count; index += 1) this.#send(this.#newcomer())
  }

  #newcomer(): Call {
    this.#budget?.countRequest()
    return this.#makeCall(this.#pickClass(), this.#queue.now, this.#spec.retries ?? 0)
  }

  #makeCall(group: number, bornAt: number, retriesLeft: number): Call {
    const { now } = this.#queue
    const { service, spec, options } = this.#classes[group]!
    const factor = valueAt(this.#spec.slowdown ?? 1, now) * valueAt(spec.slowdown ?? 1, now)
    return new Call(bornAt, now, group, options, service.sample(this.#work) * factor, retriesLeft)
  }

  #pickClass(): number {
    const { now } = this.#queue
    if (this.#classes.length === 1) return 0
    let total = 0
    for (const { spec } of this.#classes) total += valueAt(spec.weight, now)
    let left = this.#work.uniform() * total
    for (let index = 0; index < this.#classes.length; index += 1) {
      left -= valueAt(this.#classes[index]!.spec.weight, now)
      if (left < 0) return index
    }
    return this.#classes.length - 1
  }
}

/** That of one service which all clients are callers of; its process never stands still. */
function budgetOf(queue: EventQueue): RetryBudget {
  return createRetryBudget({ clock: new VirtualClock(queue, { stalledUntil: 0 }, 0, 0) })
}

function prepare(callClass: CallClass, spec: WorldSpec): PreparedClass {
  const { priority, partition, workload } = callClass
  return {
    spec: callClass,
    service: new Lognormal(callClass.serviceMs, callClass.cv),
    options: {
      deadlineMs: callClass.deadlineMs ?? spec.deadlineMs ?? defaultDeadlineMs,
      ...(priority !== undefined && { priority }),
      ...(partition !== undefined && { partition }),
      ...(workload !== undefined && { workload }),
    },
  }
}
