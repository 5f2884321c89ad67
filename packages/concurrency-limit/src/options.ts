import type { Clock, LimitFactory, Mode, Priority, QueueOptions } from '@spillway/core'
import {
  booleanOption,
  clockOption,
  functionOption,
  invalidOption,
  knownKeys,
  longestTimerMs,
  milliseconds,
  nonEmptyString,
  oneOf,
  priorities,
} from '@spillway/core'
import type { RequestOptions } from '@spillway/plugin-kit'
import type { FastifyRequest } from 'fastify'

/** How one limiter admits. */
export interface NamedLimiterOptions {
  /** How many requests may be in flight. @default adaptiveLimit(), which finds out by itself */
  readonly limit?: LimitFactory
  /** How many may wait, and how long. @default the limiter's own: 1000, and what their deadline leaves */
  readonly queue?: QueueOptions
  /**
   * Whether requests are refused, only counted as if they were, or let in without a look. May be
   * changed later: `app.limiters.mode`, or `mode` of one limiter.
   *
   * @default 'enforce'; that of the default limiter for the others
   */
  readonly mode?: Mode
}

export interface ConcurrencyLimitOptions extends NamedLimiterOptions {
  /**
   * Name of the default limiter in stats, logs and metrics; tells sibling scopes apart.
   *
   * @default 'default'
   */
  readonly name?: string
  /** Further limiters, which routes choose with `limiter`. @default none */
  readonly limiters?: Readonly<Record<string, NamedLimiterOptions>>
  /**
   * Importance of a request whose route names none. Called before the body is read.
   *
   * @default request.priority, which is 'default' unless another plugin has said more
   */
  readonly priority?: (request: FastifyRequest) => Priority | undefined
  /**
   * Whose request it is (a tenant, a user). Partitions share the time that permits are held, so that
   * one who sends ten times its share waits behind itself.
   *
   * @default the route: who needs nothing of what is slow does not wait behind those who do
   */
  readonly partition?: (request: FastifyRequest) => string | undefined
  /** Status of a refusal. @default 503: the server is short of capacity, the client not at fault */
  readonly statusCode?: number
  /**
   * Deadline of requests whose route and server have no `handlerTimeout`, in milliseconds.
   *
   * @default none: a request that waits is bounded by `queue.maxWaitMs` alone
   */
  readonly defaultDeadlineMs?: number
  /**
   * How much the deadline and the priority in a request's headers count: `'ignore'`, `'tighten'`,
   * `'trust'`, or a function that says it for each request that has such headers.
   *
   * @default 'tighten': a caller may have a tighter deadline and a lower priority than it would get,
   *   never better ones
   */
  readonly callerHeaders?: NonNullable<RequestOptions['callerHeaders']>
  /**
   * Keeps the permit of a request whose client has gone until its handler's promise settles. Only
   * for handlers that always end: one that hangs keeps its permit for good.
   *
   * @default false: the permit comes back with the end of the response; a guard around the
   *   downstream call is what counts work that goes on
   */
  readonly countAbandoned?: boolean
  /**
   * Limits requests that no route matches, too. For applications whose not-found handler does real
   * work, such as a proxy.
   *
   * @default false: a 404 costs next to nothing, and a crawler's 404s must not take the permits of
   *   requests that somebody can answer
   */
  readonly includeNotFound?: boolean
  /** @default systemClock */
  readonly clock?: Clock
}

/** A route's `config.concurrencyLimit`. */
export interface ConcurrencyLimitRouteOptions {
  /** Which limiter admits the route's requests. @default the default one */
  readonly limiter?: string
  /** Comes before the plugin's `priority`. @default the plugin's */
  readonly priority?: Priority
  /** Longest wait of this route's requests; only ever shortens the queue's own. @default the queue's */
  readonly maxWaitMs?: number
  /**
   * Deadline of this route's requests in place of every plugin's `defaultDeadlineMs`; false: none. A
   * `handlerTimeout`, at which Fastify answers in any case, bounds it.
   *
   * @default the plugins'
   */
  readonly deadlineMs?: number | false
  /**
   * Guards that the route cannot do without. While one of them refuses, so does the door: before
   * the body is read, and without a permit. @default none
   */
  readonly dependsOn?: readonly string[]
}

/** Every option with a value. */
export interface ParsedOptions {
  readonly name: string
  /** The default limiter first. */
  readonly limiters: ReadonlyMap<string, NamedLimiterOptions>
  readonly priority: ((request: FastifyRequest) => Priority | undefined) | undefined
  readonly partition: ((request: FastifyRequest) => string | undefined) | undefined
  readonly statusCode: number
  readonly defaultDeadlineMs: number | undefined
  readonly callerHeaders: RequestOptions['callerHeaders']
  readonly countAbandoned: boolean
  readonly includeNotFound: boolean
  readonly clock: Clock
}

const optionKeys = [
  'name',
  'limit',
  'queue',
  'mode',
  'limiters',
  'priority',
  'partition',
  'statusCode',
  'defaultDeadlineMs',
  'callerHeaders',
  'countAbandoned',
  'includeNotFound',
  'clock',
] as const

/** @throws SPW_ERR_OPTION when an option is unknown or wrong */
export function parseOptions(options: ConcurrencyLimitOptions): ParsedOptions {
  knownKeys('options', options, optionKeys)
  const { priority, partition, statusCode = 503, defaultDeadlineMs } = options
  const name = nonEmptyString('name', options.name ?? 'default')
  return {
    name,
    limiters: parseLimiters(name, options),
    priority: priority === undefined ? undefined : functionOption('priority', priority),
    partition: partition === undefined ? undefined : functionOption('partition', partition),
    statusCode,
    defaultDeadlineMs,
    callerHeaders: options.callerHeaders,
    countAbandoned: booleanOption('countAbandoned', options.countAbandoned ?? false),
    includeNotFound: booleanOption('includeNotFound', options.includeNotFound ?? false),
    clock: clockOption(options.clock),
  }
}

function parseLimiters(
  name: string,
  { limit, queue, mode = 'enforce', limiters = {} }: ConcurrencyLimitOptions,
): ReadonlyMap<string, NamedLimiterOptions> {
  const own: NamedLimiterOptions = {
    mode,
    ...(limit === undefined ? {} : { limit }),
    ...(queue === undefined ? {} : { queue }),
  }
  knownKeys('limiters', limiters, Object.keys(limiters))
  if (Object.hasOwn(limiters, name)) {
    throw invalidOption('limiters', 'names other than that of the default limiter', name)
  }
  for (const [key, value] of Object.entries(limiters)) {
    knownKeys(`limiters.${key}`, value, ['limit', 'queue', 'mode'])
  }
  const others = Object.entries(limiters).map(([key, value]) => [key, { mode, ...value }] as const)
  return new Map([[name, own], ...others])
}

const routeKeys = ['limiter', 'priority', 'maxWaitMs', 'deadlineMs', 'dependsOn'] as const

/** A route's part of the configuration, checked; undefined when it switched the limiter off. */
export function parseRouteOptions(
  config: unknown,
  limiterNames: readonly string[],
): ConcurrencyLimitRouteOptions | undefined {
  if (config === false) return undefined
  if (config === undefined) return {}
  const options = knownKeys('concurrencyLimit', config as ConcurrencyLimitRouteOptions, routeKeys)
  const { limiter, priority, maxWaitMs, deadlineMs, dependsOn } = options
  if (limiter !== undefined) oneOf('concurrencyLimit.limiter', limiter, limiterNames)
  if (priority !== undefined) oneOf('concurrencyLimit.priority', priority, priorities)
  if (maxWaitMs !== undefined) milliseconds('concurrencyLimit.maxWaitMs', maxWaitMs)
  if (deadlineMs !== undefined) routeDeadline('concurrencyLimit.deadlineMs', deadlineMs)
  if (dependsOn !== undefined) checkNames('concurrencyLimit.dependsOn', dependsOn)
  return options
}

function routeDeadline(name: string, value: unknown): void {
  if (value === false || isMilliseconds(value)) return
  throw invalidOption(name, 'a number of milliseconds of at least 1, or false', value)
}

function isMilliseconds(value: unknown): boolean {
  return typeof value === 'number' && value >= 1 && value <= longestTimerMs
}

function checkNames(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw invalidOption(name, 'an array of guard names', value)
  for (const item of value) nonEmptyString(`${name}[]`, item)
}
