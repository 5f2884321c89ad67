import { systemClock } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import { hasCome, isBodyComing, onBodyRead } from './body.ts'
import type { PolicySayings, RequestPolicy } from './request-policy.ts'
import { sayings } from './request-policy.ts'
import type { RequestState } from './request-state.ts'
import { routeOf, stateOf } from './request-state.ts'
import type { TimeBudget } from './time-budget.ts'
import { timeBudget, unbounded } from './time-budget.ts'

/** Until when the answer to a request is of use to anybody. */
export interface Deadline {
  /**
   * The moment on the clock of the scope's plugins, in milliseconds; that of `performance.now()`
   * unless one of them was given another. It moves on while the request's body is coming in.
   */
  readonly expiresAtMs: number
  /** Milliseconds left, read anew each time; zero or less once it has passed. */
  readonly remainingMs: number
}

/** What is left of a request's time, in milliseconds, and who says so; undefined: nobody. */
export interface RemainingTime {
  /** By this service, or a caller that it trusts. */
  readonly deadlineMs: number | undefined
  /** By a caller who may be anybody, where that is less. */
  readonly callerDeadlineMs: number | undefined
}

/**
 * Sets the deadline of a request that has just come. It counts from when all of the request is
 * there, its body included: how fast that comes in is up to the client.
 */
export function setDeadline(request: FastifyRequest, policy: RequestPolicy): void {
  const state = stateOf(request)
  state.clock = policy.clock ?? systemClock
  const said = sayings(policy, request, false)
  state.budget = budgetOf(request, state, said)
  state.observedBudget = said.areAllInForce
    ? state.budget
    : budgetOf(request, state, sayings(policy, request, true))
  if (state.budget === unbounded && state.observedBudget === unbounded) return
  if (!isBodyComing(request)) {
    state.countsFrom = state.clock.now()
    return
  }
  state.countsFrom = undefined
  onBodyRead(request, () => {
    startCounting(state)
  })
}

function budgetOf(
  request: FastifyRequest,
  { wishes }: RequestState,
  { isInForce, routeMs, defaultMs }: PolicySayings,
): TimeBudget {
  const { handlerTimeout } = routeOf(request)
  return timeBudget({
    handlerTimeoutMs: handlerTimeout > 0 ? handlerTimeout : undefined,
    routeMs,
    defaultMs,
    wishes: isInForce ? wishes : undefined,
  })
}

function startCounting(state: RequestState): void {
  if (state.countsFrom !== undefined) return
  state.countsFrom = state.clock.now()
  state.cancelSource?.deadlineCounts()
}

/** Milliseconds of the budget that are used up. */
export function spentMs(state: RequestState): number {
  // Nobody may ever read a body that is there.
  if (state.countsFrom === undefined && hasCome(state.reply!.request.raw)) startCounting(state)
  return state.countsFrom === undefined ? 0 : state.clock.now() - state.countsFrom
}

/** What is left by anybody's word; undefined when the request has no deadline. */
export function remainingMs(request: FastifyRequest): number | undefined {
  const state = stateOf(request)
  const { ownMs, callerMs } = state.budget
  const budgetMs = Math.min(ownMs, callerMs)
  return budgetMs === Infinity ? undefined : budgetMs - spentMs(state)
}

const timeless: RemainingTime = Object.freeze({
  deadlineMs: undefined,
  callerDeadlineMs: undefined,
})

/**
 * What is left of a request's time, and who says so.
 *
 * @param observed as it would be if no plugin merely observed: for those which do
 */
export function remainingTime(request: FastifyRequest, observed = false): RemainingTime {
  const state = stateOf(request)
  return remainingTimeOf(state, observed ? state.observedBudget : state.budget)
}

export function remainingTimeOf(state: RequestState, budget: TimeBudget): RemainingTime {
  if (budget === unbounded) return timeless
  const { ownMs, callerMs } = budget
  const spent = spentMs(state)
  return {
    deadlineMs: ownMs === Infinity ? undefined : ownMs - spent,
    callerDeadlineMs: callerMs === Infinity ? undefined : callerMs - spent,
  }
}

/** Behind the decorator `request.deadline`. */
export function deadlineOf(request: FastifyRequest): Deadline | undefined {
  if (remainingMs(request) === undefined) return undefined
  return {
    get expiresAtMs() {
      return stateOf(request).clock.now() + remainingMs(request)!
    },
    get remainingMs() {
      return remainingMs(request)!
    },
  }
}
