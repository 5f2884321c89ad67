import type {
  Clock,
  LoadShedderOptions,
  Mode,
  Priority,
  Signal,
  SignalFunction,
} from '@spillway/core'
import {
  booleanOption,
  clockOption,
  functionOption,
  knownKeys,
  oneOf,
  priorities,
} from '@spillway/core'
import type { RequestOptions } from '@spillway/plugin-kit'
import type { FastifyRequest } from 'fastify'
import type { HealthOptions, ParsedHealthOptions } from './health-options.ts'
import { parseHealth } from './health-options.ts'

export interface LoadShedOptions {
  /** Of the shedder, in stats, logs and metrics. @default 'process' */
  readonly name?: string
  /**
   * What tells the pressure; the highest counts. A signal of one's own is a named function that returns
   * 0 for no pressure to 1 for as much as can be borne.
   *
   * @default [eventLoopDelay(), heapUsed(), memoryUsed()]
   */
  readonly signals?: readonly (Signal | SignalFunction)[]
  /** Milliseconds between two readings. @default 100 */
  readonly sampleIntervalMs?: number
  /**
   * Whether requests are refused, only counted as if they were, or let in without a look. May be
   * changed later: `app.loadShedder.mode`.
   *
   * @default 'enforce'
   */
  readonly mode?: Mode
  /**
   * Importance of a request whose route names none. Called before the body is read.
   *
   * @default request.priority, which is 'default' unless another plugin has said more
   */
  readonly priority?: (request: FastifyRequest) => Priority | undefined
  /** Status of a refusal. @default 503: the server is short of capacity, the client not at fault */
  readonly statusCode?: number
  /**
   * Routes that say how the process is: `/livez` and `/readyz`.
   *
   * @default false: they would take paths that may be somebody's
   */
  readonly health?: HealthOptions | boolean
  /**
   * Adds the load to every answer as an ORCA report, `endpoint-load-metrics: JSON {…}`, by which
   * balancers such as Envoy weigh instances.
   *
   * @default false: it tells whoever asks how loaded the process is
   */
  readonly loadHeader?: boolean
  /** As in concurrency-limit. @default 'tighten' */
  readonly callerHeaders?: NonNullable<RequestOptions['callerHeaders']>
  /** @default systemClock */
  readonly clock?: Clock
}

/** A route's `config.loadShed`. */
export interface LoadShedRouteOptions {
  /** @default that of the route's `concurrencyLimit`, else what the plugin's `priority` says */
  readonly priority?: Priority
}

/** Every option with a value. */
export interface ParsedOptions {
  readonly shedder: LoadShedderOptions
  readonly priority: ((request: FastifyRequest) => Priority | undefined) | undefined
  readonly statusCode: number
  readonly health: ParsedHealthOptions | undefined
  readonly loadHeader: boolean
  readonly callerHeaders: RequestOptions['callerHeaders']
  readonly clock: Clock
}

const optionKeys = [
  'name',
  'signals',
  'sampleIntervalMs',
  'mode',
  'priority',
  'statusCode',
  'health',
  'loadHeader',
  'callerHeaders',
  'clock',
] as const

/** @throws SPW_ERR_OPTION when an option is unknown or wrong; the shedder's own when it is made */
export function parseOptions(options: LoadShedOptions): ParsedOptions {
  knownKeys('options', options, optionKeys)
  const { priority, statusCode = 503, loadHeader = false } = options
  const clock = clockOption(options.clock)
  return {
    shedder: shedderOptions(options, clock),
    priority: priority === undefined ? undefined : functionOption('priority', priority),
    statusCode,
    health: parseHealth(options.health ?? false),
    loadHeader: booleanOption('loadHeader', loadHeader),
    callerHeaders: options.callerHeaders,
    clock,
  }
}

function shedderOptions(
  { name, signals, sampleIntervalMs, mode }: LoadShedOptions,
  clock: Clock,
): LoadShedderOptions {
  return {
    clock,
    ...(name === undefined ? {} : { name }),
    ...(signals === undefined ? {} : { signals }),
    ...(sampleIntervalMs === undefined ? {} : { sampleIntervalMs }),
    ...(mode === undefined ? {} : { mode }),
  }
}

/** A route's part of the configuration, checked; undefined when it switched shedding off. */
export function parseRouteOptions(config: unknown): LoadShedRouteOptions | undefined {
  if (config === false) return undefined
  if (config === undefined) return {}
  const options = knownKeys('loadShed', config as LoadShedRouteOptions, ['priority'])
  if (options.priority !== undefined) oneOf('loadShed.priority', options.priority, priorities)
  return options
}
