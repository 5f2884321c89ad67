import { AsyncResource } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'
import type { AcquireOptions, Outcome, Permit, Priority } from '@spillway/core'
import type { Refusal, Waiter, Waiting } from '@spillway/core'
import type { Rejection, SettledListener } from '@spillway/plugin-kit'
import {
  isSentInFull,
  onResponseSettled,
  priorityFor,
  remainingMs,
  runsUnder,
} from '@spillway/plugin-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isTimeout, outcomeOf } from './outcome.ts'
import type { ParsedOptions } from './options.ts'
import type { LimitedRoute } from './route.ts'

/** What all visits of one scope have in common. */
export interface House {
  readonly options: ParsedOptions
  readonly rejection: Rejection
}

/**
 * One request at the door. It is its own acquire options, waiter and settled listener, so that a
 * request that is admitted at once costs one object beside its permit, and no closure or promise.
 */
export class Visit implements AcquireOptions, Waiter, SettledListener {
  readonly priority: Priority
  readonly deadlineMs: number | undefined
  readonly maxWaitMs: number | undefined
  readonly partition: string | undefined
  readonly workload: string
  readonly #house: House
  readonly #route: LimitedRoute
  readonly #reply: FastifyReply
  readonly #proceed: () => void
  /** What there is to give back: a permit, a place in the queue, or nothing any more. */
  #hold: Permit | Waiting | undefined
  /** The context of a request that waits: it will go on in the middle of somebody else's. */
  #context: AsyncResource | undefined
  /** What the handler has returned. */
  #work: PromiseLike<unknown> | undefined
  #error: unknown
  #wasLeft = false

  constructor(house: House, route: LimitedRoute, reply: FastifyReply, proceed: () => void) {
    const { options } = house
    const { request } = reply
    this.#house = house
    this.#route = route
    this.#reply = reply
    this.#proceed = proceed
    const own = route.priority ?? options.priority?.(request) ?? request.priority
    this.priority = priorityFor(request, own)
    this.partition = options.partition?.(request)
    this.deadlineMs = remainingMs(request)
    this.maxWaitMs = route.maxWaitMs
    this.workload = route.workload
  }

  /** Asks for a permit; goes on, waits or is refused. */
  enter(): void {
    const admission = this.#route.door.limiter.admit(this, this)
    if (admission.kind === 'refusal') {
      this.#turnAway(admission)
      return
    }
    this.#hold = admission
    onResponseSettled(this.#reply, this)
    if (admission.kind === 'permit') this.#start(admission)
    else this.#context = new AsyncResource('spillway.wait')
  }

  /** Waiter */
  admitted(permit: Permit): void {
    this.#hold = permit
    runsUnder(this.#reply.request, permit)
    this.#context!.runInAsyncScope(this.#proceed)
  }

  /** Waiter */
  refused(refusal: Refusal): void {
    this.#hold = undefined
    // Cancelled means that the client has gone: there is nobody to answer.
    if (refusal.reason === 'cancelled') return
    this.#context!.runInAsyncScope(() => {
      this.#turnAway(refusal)
    })
  }

  /** SettledListener */
  responseSettled(raw: ServerResponse): void {
    const hold = this.#hold
    this.#hold = undefined
    if (hold === undefined) return
    if (hold.kind === 'waiting') hold.cancel()
    else this.#leave(hold, raw)
  }

  /** The handler has begun; `work` is what it has returned. */
  working(work: unknown): void {
    if (!isPromiseLike(work)) return
    this.#work = work
    if (this.#wasLeft) this.#countAbandoned(work, undefined, 'ignored')
  }

  /** An error is about to be answered. */
  failed(error: unknown): void {
    this.#error = error
  }

  #start(permit: Permit): void {
    const { observed } = permit
    runsUnder(this.#reply.request, permit)
    if (observed !== undefined) this.#route.door.log.count(observed.reason, false)
    this.#proceed()
  }

  #turnAway(refusal: Refusal): void {
    this.#route.door.log.count(refusal.reason)
    this.#house.rejection.send(this.#reply, refusal)
  }

  #leave(permit: Permit, raw: ServerResponse): void {
    const sentInFull = isSentInFull(raw)
    const isLate = this.#isLate()
    const { statusCode } = raw
    const hadNoChance = isLate && this.#tookMs(permit) < this.#route.door.usual.value
    const outcome = outcomeOf({ sentInFull, statusCode, error: this.#error, isLate, hadNoChance })
    this.#wasLeft = !sentInFull || isTimeout(this.#error)
    if (this.#wasLeft && this.#work !== undefined) {
      this.#countAbandoned(this.#work, permit, outcome)
      return
    }
    if (isLate && sentInFull && statusCode < 500) this.#route.door.late += 1
    permit.release(outcome)
    // The permit has just taken the time: the clock is not read once more for each request.
    if (outcome === 'success' && !isLate) this.#route.door.usual.add(permit.durationMs)
  }

  #tookMs(permit: Permit): number {
    return this.#house.options.clock.now() - permit.startedAt
  }

  #isLate(): boolean {
    return (remainingMs(this.#reply.request) ?? 1) <= 0
  }

  /** Nobody waits for the answer any more, but the handler may go on. */
  #countAbandoned(work: PromiseLike<unknown>, permit: Permit | undefined, outcome: Outcome): void {
    const { door } = this.#route
    const isHeld = this.#house.options.countAbandoned
    const end = (): void => {
      door.abandoned -= 1
      if (isHeld) permit?.release(outcome)
    }
    door.abandoned += 1
    if (!isHeld) permit?.release(outcome)
    work.then(() => {
      if (this.#isLate()) door.late += 1
      end()
    }, end)
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

const visitKey: unique symbol = Symbol('spillway.visit')

type Visited = FastifyRequest & { [visitKey]?: Visit }

export function visitOf(request: FastifyRequest): Visit | undefined {
  return (request as Visited)[visitKey]
}

export function setVisit(request: FastifyRequest, visit: Visit): void {
  ;(request as Visited)[visitKey] = visit
}
