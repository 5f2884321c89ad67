import type { Clock } from '@spillway/core'
import { clockOption, invalidOption, milliseconds, oneOf } from '@spillway/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * How much the deadline and the priority in a request's headers count.
 *
 * - `ignore`: not at all.
 * - `tighten`: a caller may ask for less than it would get, a tighter deadline or a lower priority,
 *   and never for more. Its deadline ends its own request, and is no evidence of anything.
 * - `trust`: the caller's word replaces the default deadline, and every priority that this service
 *   would give. Only for callers who cannot be reached from outside, such as one's own gateway.
 */
export type CallerTrust = 'ignore' | 'tighten' | 'trust'

export interface RequestOptions {
  /**
   * Deadline of requests whose route and server have no `handlerTimeout`, in milliseconds.
   *
   * @default none
   */
  readonly defaultDeadlineMs?: number | undefined
  /**
   * How much the headers `x-envoy-expected-rq-timeout-ms` and `x-request-priority` count; a function
   * is asked for each request that has one of them.
   *
   * @default 'tighten': whoever asks for less takes nothing from anybody, so it needs no trust
   */
  readonly callerHeaders?: CallerTrust | ((request: FastifyRequest) => CallerTrust) | undefined
  /** What deadlines are measured by, the same for all plugins of a scope. @default systemClock */
  readonly clock?: Clock | undefined
}

/** What a plugin knows of a single request. */
export interface RequestTerms {
  /**
   * Whether the plugin acts on the request, rather than observe or be off; asked as the request
   * comes. Deadlines that nobody else brings do not count while it does not.
   */
  readonly isInForce: (request: FastifyRequest) => boolean
  /** The deadline that the request's route names, instead of any default; false: it has none. */
  readonly routeDeadlineMs: ((request: FastifyRequest) => number | false | undefined) | undefined
}

/** One plugin's part of a policy. */
interface Source extends RequestTerms {
  readonly defaultDeadlineMs: number | undefined
}

/** What the plugins of one scope have said; read anew for each request, so their order is free. */
export interface RequestPolicy {
  readonly sources: Source[]
  callerHeaders: RequestOptions['callerHeaders']
  clock: Clock | undefined
  /** What a plugin of this very scope has said; what is inherited may be contradicted. */
  readonly own: { callerHeaders?: true; clock?: true }
}

const policyKey: unique symbol = Symbol('spillway.requestPolicy')

type Scope = FastifyInstance & { readonly [policyKey]?: RequestPolicy }

/** The policy of the scope that the request's route is in; a child scope inherits its parent's. */
export function policyOf(request: FastifyRequest): RequestPolicy | undefined {
  return (request.server as Scope)[policyKey]
}

const always = (): boolean => true

/**
 * Adds what one more plugin says to the policy of its scope. The tightest default deadline wins.
 *
 * @throws SPW_ERR_OPTION for a wrong value, or when two plugins disagree about `callerHeaders` or
 *   about `clock`
 */
export function addPolicy(
  fastify: FastifyInstance,
  options: RequestOptions,
  { isInForce = always, routeDeadlineMs }: Partial<RequestTerms> = {},
): void {
  const { defaultDeadlineMs, callerHeaders, clock } = checked(options)
  const policy = ownPolicy(fastify)
  if (callerHeaders !== undefined) agree(policy, 'callerHeaders', callerHeaders)
  if (clock !== undefined) agree(policy, 'clock', clock)
  policy.sources.push({ defaultDeadlineMs, isInForce, routeDeadlineMs })
}

function checked(options: RequestOptions): RequestOptions {
  const { defaultDeadlineMs, callerHeaders, clock } = options
  if (defaultDeadlineMs !== undefined) milliseconds('defaultDeadlineMs', defaultDeadlineMs, 1)
  if (callerHeaders !== undefined && typeof callerHeaders !== 'function') {
    oneOf('callerHeaders', callerHeaders, ['ignore', 'tighten', 'trust'])
  }
  if (clock !== undefined) clockOption(clock)
  return options
}

function ownPolicy(fastify: FastifyInstance): RequestPolicy {
  const inherited = (fastify as Scope)[policyKey]
  if (inherited !== undefined && Object.hasOwn(fastify, policyKey)) return inherited
  const policy: RequestPolicy = {
    sources: [...(inherited?.sources ?? [])],
    callerHeaders: inherited?.callerHeaders,
    clock: inherited?.clock,
    own: {},
  }
  fastify.decorate(policyKey, policy)
  return policy
}

function agree<Key extends 'callerHeaders' | 'clock'>(
  policy: RequestPolicy,
  key: Key,
  value: RequestPolicy[Key],
): void {
  if (policy.own[key] === true && policy[key] !== value) {
    throw invalidOption(key, 'the same for all plugins of a scope', value)
  }
  policy.own[key] = true
  policy[key] = value
}

/** What the plugins of a scope say about the time of one request. */
export interface PolicySayings {
  /** Whether any of them acts on it, and whether all do. */
  readonly isInForce: boolean
  readonly areAllInForce: boolean
  readonly routeMs: number | false | undefined
  readonly defaultMs: number | undefined
}

/** @param areAllInForce what they would say if none of them merely observed */
export function sayings(
  { sources }: RequestPolicy,
  request: FastifyRequest,
  areAllInForce: boolean,
): PolicySayings {
  let observing = 0
  let defaultMs: number | undefined
  let routeMs: number | false | undefined
  let observedRouteMs: number | false | undefined
  for (const source of sources) {
    const route = source.routeDeadlineMs?.(request)
    if (areAllInForce || source.isInForce(request)) {
      defaultMs = tightest(defaultMs, source.defaultDeadlineMs)
      routeMs ??= route
    } else {
      observing += 1
      observedRouteMs ??= route
    }
  }
  return {
    isInForce: observing < sources.length,
    areAllInForce: observing === 0,
    defaultMs,
    routeMs: routeMs ?? loosened(observedRouteMs, defaultMs),
  }
}

/** A route whose plugin merely observes may be given more time than others' defaults, never less. */
function loosened(
  routeMs: number | false | undefined,
  defaultMs: number | undefined,
): number | false | undefined {
  if (routeMs === undefined || routeMs === false) return routeMs
  return defaultMs === undefined ? undefined : Math.max(routeMs, defaultMs)
}

function tightest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}
