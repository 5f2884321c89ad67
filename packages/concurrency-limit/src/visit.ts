import { AsyncResource } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'
import type { AcquireOptions, Outcome, Permit, Priority } from '@spillway/core'
import type { Refusal, Waiter, Waiting } from '@spillway/core'
import type { Rejection, SettledListener, StartedListener } from '@spillway/plugin-kit'
import {
  isSentInFull,
  onResponseSettled,
  onResponseStarted,
  onSocketTaken,
  priorityFor,
  remainingTime,
  runsUnder,
} from '@spillway/plugin-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { pauseWhileBodyComes } from './body.ts'
import type { Classifier } from './classifier.ts'
import type { Ending } from './outcome.ts'
import { isExcused, isTimeout, outcomeOf } from './outcome.ts'
import type { ParsedOptions } from './options.ts'
import type { LimitedRoute } from './route.ts'

/** What all visits of one scope have in common. */
export interface House {
  readonly options: ParsedOptions
  readonly rejection: Rejection
  readonly classifier: Classifier
}

/**
 * One request at the door. It is its own acquire options, waiter and listener, so that a request that
 * is admitted at once costs one object beside its permit, and no closure or promise.
 */
export class Visit implements AcquireOptions, Waiter, StartedListener, SettledListener {
  readonly priority: Priority
  readonly maxWaitMs: number | undefined
  /** As the application names it. */
  readonly namedPartition: string | undefined
  readonly partition: string
  readonly workload: string
  deadlineMs: number | undefined
  callerDeadlineMs: number | undefined
  /** Whether it has been let in to bring its body, and holds nothing meanwhile. */
  awaitsBody = false
  readonly #house: House
  readonly #route: LimitedRoute
  readonly #reply: FastifyReply
  #proceed: () => void
  readonly #isObserved: boolean
  /** What there is to give back: a permit, a place in the queue, or nothing any more. */
  #hold: Permit | Waiting | undefined
  /** The context of a request that waits: it will go on in the middle of somebody else's. */
  #context: AsyncResource | undefined
  /** What the handler has returned. */
  #work: PromiseLike<unknown> | undefined
  #error: unknown
  #hasBody = false
  /** Whether it has been counted that it came while nothing was free. */
  #hasAsked = false
  #exceeds = false
  /** The handler's own answer has begun to leave. */
  #isAnswered = false
  /** Nobody waits for the handler any more. */
  #wasLeft = false

  constructor(house: House, route: LimitedRoute, reply: FastifyReply, proceed: () => void) {
    const { classifier } = house
    const { request } = reply
    const { mode } = route.door.limiter
    this.#house = house
    this.#route = route
    this.#reply = reply
    this.#proceed = proceed
    const own = route.priority ?? classifier.priority(request, mode) ?? request.priority
    this.priority = priorityFor(request, own)
    this.namedPartition = classifier.partition(request, mode)
    this.partition = this.namedPartition ?? route.workload
    this.#isObserved = mode === 'observe'
    this.#readDeadlines()
    this.maxWaitMs = route.maxWaitMs
    this.workload = route.workload
  }

  /** Whoever would be refused is refused before its body is read; the others ask when it is there. */
  awaitBody(): void {
    const refusal = this.#route.door.limiter.check(this)
    if (refusal !== undefined) {
      this.#turnAway(refusal)
      return
    }
    this.awaitsBody = true
    this.#proceed()
  }

  enterWithBody(proceed: () => void): void {
    this.awaitsBody = false
    this.#hasBody = true
    this.#proceed = proceed
    this.#readDeadlines()
    this.enter()
  }

  /** Asks for a permit; goes on, waits or is refused. */
  enter(): void {
    this.#exceeds = false
    const admission = this.#route.door.limiter.admit(this, this)
    if (admission.kind === 'refusal') {
      this.#turnAway(admission)
      return
    }
    this.#hold = admission
    if (this.#exceeds) this.#route.door.excess!.begin()
    onResponseStarted(this.#reply, this)
    if (!this.#route.keepsSockets) onSocketTaken(this.#reply, this)
    onResponseSettled(this.#reply, this)
    if (admission.kind === 'permit') this.#start(admission)
    else this.#context = new AsyncResource('spillway.wait')
  }

  /** AcquireOptions. Asked while nothing is free. */
  mayExceed(limit: number, now: number): boolean {
    const { use, door } = this.#route
    if (door.excess === undefined) return false
    if (!this.#hasAsked) use.ask(now)
    this.#hasAsked = true
    this.#exceeds = use.isNegligible(limit, now) && door.excess.hasRoom(limit, now)
    return this.#exceeds
  }

  /** Waiter */
  admitted(permit: Permit): void {
    this.#hold = permit
    this.#context!.runInAsyncScope(() => {
      this.#start(permit)
    })
  }

  /** Waiter */
  refused(refusal: Refusal): void {
    this.#hold = undefined
    // Cancelled means that the client has gone or was answered: there is nobody to tell.
    if (refusal.reason === 'cancelled') return
    this.#context!.runInAsyncScope(() => {
      this.#turnAway(refusal)
    })
  }

  /** StartedListener. What remains of the answer leaves at the client's pace. */
  responseStarted({ statusCode }: Pick<ServerResponse, 'statusCode'>): void {
    const hold = this.#hold
    this.#hold = undefined
    if (hold?.kind === 'waiting') hold.cancel()
    else if (hold !== undefined) this.#end(hold, { wasAnswered: true, statusCode })
  }

  /** SettledListener */
  responseSettled(raw: ServerResponse): void {
    const wasAnswered = isSentInFull(raw)
    if (this.#isAnswered && !wasAnswered) this.#leave()
    const hold = this.#hold
    this.#hold = undefined
    if (hold?.kind === 'waiting') hold.cancel()
    else if (hold !== undefined) this.#end(hold, { wasAnswered, statusCode: raw.statusCode })
  }

  /** The handler has begun; `work` is what it has returned. */
  working(work: unknown): void {
    if (!isPromiseLike(work)) return
    this.#work = work
    if (this.#wasLeft) this.#countAbandoned(work)
  }

  /** An error is about to be answered. */
  failed(error: unknown): void {
    this.#error = error
  }

  #start(permit: Permit): void {
    const { request } = this.#reply
    const { observed } = permit
    if (observed !== undefined) this.#route.door.log.count(observed.reason, false)
    this.#route.use.begin()
    runsUnder(request, permit)
    if (this.#hasBody) pauseWhileBodyComes(request.raw, permit)
    this.#proceed()
  }

  #turnAway(refusal: Refusal): void {
    this.#route.door.log.count(refusal.reason)
    this.#house.rejection.send(this.#reply, refusal)
  }

  #readDeadlines(): void {
    const { deadlineMs, callerDeadlineMs } = remainingTime(this.#reply.request, this.#isObserved)
    this.deadlineMs = deadlineMs
    this.callerDeadlineMs = callerDeadlineMs
  }

  #end(
    permit: Permit,
    { wasAnswered, statusCode }: Pick<Ending, 'wasAnswered' | 'statusCode'>,
  ): void {
    const { isLate, isLateForCaller } = this.#lateness()
    const plain = outcomeOf({
      wasAnswered,
      statusCode,
      error: this.#error,
      isLate,
      isLateForCaller,
    })
    const outcome = plain === 'dropped' && this.#isExcused(permit) ? 'ignored' : plain
    if (!wasAnswered || isTimeout(this.#error)) {
      this.#leave(permit, outcome)
      return
    }
    this.#isAnswered = true
    if ((isLate || isLateForCaller) && statusCode < 500) this.#countLate()
    this.#release(permit, outcome)
  }

  #release(permit: Permit | undefined, outcome: Outcome | undefined): void {
    if (permit === undefined) return
    permit.release(outcome)
    const { durationMs, startedAt, pausedMs } = permit
    const { use, door } = this.#route
    use.end(durationMs)
    if (this.#exceeds) door.excess!.end(durationMs, startedAt + durationMs + pausedMs)
  }

  #isExcused({ startedAt, pausedMs }: Permit): boolean {
    const heldMs = this.#house.options.clock.now() - startedAt - pausedMs
    return isExcused({ heldMs, pausedMs })
  }

  /** Nobody waits for the answer any more, but the handler may go on. */
  #leave(permit?: Permit, outcome?: Outcome): void {
    if (this.#wasLeft) return
    this.#wasLeft = true
    if (this.#work === undefined) this.#release(permit, outcome)
    else this.#countAbandoned(this.#work, permit, outcome)
  }

  #lateness(): Pick<Ending, 'isLate' | 'isLateForCaller'> {
    const { deadlineMs, callerDeadlineMs } = remainingTime(this.#reply.request, this.#isObserved)
    return { isLate: hasPassed(deadlineMs), isLateForCaller: hasPassed(callerDeadlineMs) }
  }

  #countLate(): void {
    if (this.#isObserved) this.#route.door.wouldHaveTimedOut += 1
    else this.#route.door.late += 1
  }

  #countAbandoned(work: PromiseLike<unknown>, permit?: Permit, outcome?: Outcome): void {
    const { door } = this.#route
    const isHeld = this.#house.options.countAbandoned
    const end = (): void => {
      door.abandoned -= 1
      if (isHeld) this.#release(permit, outcome)
    }
    door.abandoned += 1
    if (!isHeld) this.#release(permit, outcome)
    work.then(() => {
      const { isLate, isLateForCaller } = this.#lateness()
      if (!this.#isAnswered && (isLate || isLateForCaller)) this.#countLate()
      end()
    }, end)
  }
}

function hasPassed(leftMs: number | undefined): boolean {
  return leftMs !== undefined && leftMs <= 0
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
