import type { Limit, LimitFactory, Limiter, Permit } from '@spillway/core'
import { createLimiter } from '@spillway/core'
import type { Call, CallOwner, CallStage, Fate } from './call.ts'
import type { Downstream } from './downstream/downstream.ts'
import type { EventQueue, SimEvent } from './event-queue.ts'
import type { Process } from './virtual-clock.ts'
import { VirtualClock } from './virtual-clock.ts'

/** What an instance needs of the world around it. */
export interface Surroundings {
  readonly queue: EventQueue
  readonly downstream: Downstream
  /** The call has left for the downstream. */
  went(call: Call): void
  ended(call: Call, fate: Fate): void
  /** The call waits in the limiter's queue. */
  queued(call: Call): void
}

export interface InstanceOptions {
  /** Its place among the instances; a process that takes its place has the same. */
  readonly slot: number
  readonly limit: LimitFactory
  /** Calls that may wait in the limiter; undefined: the limiter's default. */
  readonly maxQueue: number | undefined
  readonly monotonicOriginMs: number
  readonly wallOffsetMs: number
}

/** One process of the service: a real limiter in front of the downstream that all share. */
export class Instance implements Process, CallOwner, CallStage {
  readonly slot: number
  readonly clock: VirtualClock
  readonly limiter: Limiter
  /** The algorithm inside the limiter, for its settled value and reason. */
  readonly limit: Limit
  stalledUntil = 0
  readonly #world: Surroundings

  constructor(world: Surroundings, options: InstanceOptions) {
    this.#world = world
    this.slot = options.slot
    this.clock = new VirtualClock(
      world.queue,
      this,
      options.monotonicOriginMs,
      options.wallOffsetMs,
    )
    let limit: Limit | undefined
    const factory: LimitFactory = (context) => (limit = options.limit(context))
    const queue = options.maxQueue === undefined ? {} : { maxSize: options.maxQueue }
    this.limiter = createLimiter({ name: 'db', limit: factory, queue, clock: this.clock })
    this.limit = limit!
  }

  stall(forMs: number): void {
    this.stalledUntil = this.#world.queue.now + forMs
  }

  /** A request comes in, or an answer comes back; late if the process stands still. */
  receive(call: Call): void {
    call.owner = this
    call.stage = this
    if (this.stalledUntil > this.#world.queue.now) {
      this.#world.queue.schedule(call, this.stalledUntil)
      return
    }
    this.reached(call)
  }

  reached(call: Call): void {
    if (this.stalledUntil > this.#world.queue.now) this.receive(call)
    else if (call.permit === undefined) this.#admit(call)
    else this.#settle(call)
  }

  /** The client hung up; noticed late, by its reminder, if the process stands still. */
  hungUp(call: Call, reminder: SimEvent = call): void {
    call.abandoned = true
    if (call.waiting === undefined) return
    if (this.stalledUntil > this.#world.queue.now) {
      this.#world.queue.schedule(reminder, this.stalledUntil)
      return
    }
    call.waiting.cancel()
  }

  admitted(call: Call, permit: Permit): void {
    call.permit = permit
    this.#stopWaiting(call)
    this.#world.went(call)
    this.#world.downstream.submit(call)
  }

  refused(call: Call): void {
    this.#stopWaiting(call)
    this.#world.ended(call, 'refused')
  }

  #stopWaiting(call: Call): void {
    call.waiting = undefined
    if (call.slot >= 0) this.#world.queue.cancel(call)
  }

  #admit(call: Call): void {
    const before = this.limiter.queued
    const admission = this.limiter.admit(call.options, call)
    if (admission.kind === 'permit') {
      this.admitted(call, admission)
      return
    }
    if (admission.kind === 'refusal') {
      this.refused(call)
      return
    }
    call.waiting = admission
    // No more wait than before: somebody has left, and if to make room, hears of it in a microtask.
    if (this.limiter.queued <= before) this.#world.queue.pause()
    this.#world.queued(call)
  }

  #settle(call: Call): void {
    const { answer } = call
    const isOverload = answer === 'timeout' || answer === 'refused'
    const failure = isOverload ? 'dropped' : 'ignored'
    this.#world.ended(call, answer === 'ok' ? 'good' : 'failed')
    call.permit!.release(answer === 'ok' ? 'success' : failure)
  }
}
