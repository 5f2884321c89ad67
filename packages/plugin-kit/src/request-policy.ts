import { invalidOption, milliseconds, oneOf } from '@spillway/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * How much the deadline and the priority in a request's headers count.
 *
 * - `ignore`: not at all.
 * - `tighten`: a caller may ask for less than it would get, a tighter deadline or a lower priority,
 *   and never for more.
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
}

/** What the plugins of one scope have said; read anew for each request, so their order is free. */
export interface RequestPolicy {
  defaultDeadlineMs: number | undefined
  callerHeaders: RequestOptions['callerHeaders']
  /** Whether a plugin of this very scope has said so; what is inherited may be contradicted. */
  hasOwnCallerHeaders: boolean
}

const policyKey: unique symbol = Symbol('spillway.requestPolicy')

type Scope = FastifyInstance & { readonly [policyKey]?: RequestPolicy }

/** The policy of the scope that the request's route is in; a child scope inherits its parent's. */
export function policyOf(request: FastifyRequest): RequestPolicy | undefined {
  return (request.server as Scope)[policyKey]
}

/**
 * Adds what one more plugin says to the policy of its scope. The tightest default deadline wins.
 *
 * @throws SPW_ERR_OPTION for a wrong value, or when two plugins disagree about `callerHeaders`
 */
export function addPolicy(fastify: FastifyInstance, options: RequestOptions): void {
  const { defaultDeadlineMs, callerHeaders } = checked(options)
  const policy = ownPolicy(fastify)
  policy.defaultDeadlineMs = tightest(policy.defaultDeadlineMs, defaultDeadlineMs)
  if (callerHeaders !== undefined) setCallerHeaders(policy, callerHeaders)
}

function checked(options: RequestOptions): RequestOptions {
  const { defaultDeadlineMs, callerHeaders } = options
  if (defaultDeadlineMs !== undefined) milliseconds('defaultDeadlineMs', defaultDeadlineMs, 1)
  if (callerHeaders !== undefined && typeof callerHeaders !== 'function') {
    oneOf('callerHeaders', callerHeaders, ['ignore', 'tighten', 'trust'])
  }
  return options
}

function ownPolicy(fastify: FastifyInstance): RequestPolicy {
  const inherited = (fastify as Scope)[policyKey]
  if (inherited !== undefined && Object.hasOwn(fastify, policyKey)) return inherited
  const policy: RequestPolicy = {
    defaultDeadlineMs: inherited?.defaultDeadlineMs,
    callerHeaders: inherited?.callerHeaders,
    hasOwnCallerHeaders: false,
  }
  fastify.decorate(policyKey, policy)
  return policy
}

function setCallerHeaders(
  policy: RequestPolicy,
  callerHeaders: RequestPolicy['callerHeaders'],
): void {
  if (policy.hasOwnCallerHeaders && policy.callerHeaders !== callerHeaders) {
    const expected = 'the same for all plugins of a scope'
    throw invalidOption('callerHeaders', expected, callerHeaders)
  }
  policy.hasOwnCallerHeaders = true
  policy.callerHeaders = callerHeaders
}

function tightest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}
