import type { Priority } from '@spillway/core'

/** A quantity that may change with virtual time. */
export type Varying = number | ((nowMs: number) => number)

export function valueAt(varying: Varying, nowMs: number): number {
  return typeof varying === 'number' ? varying : varying(nowMs)
}

/** Calls that cost and matter the same; also the groups of the record. */
export interface CallClass {
  readonly name: string
  /** Share of the arrivals, relative to the other classes. */
  readonly weight: Varying
  /** Mean of the lognormal service time when nothing is in its way. */
  readonly serviceMs: number
  /** Coefficient of variation of the service time. */
  readonly cv: number
  /** Factor on the service time of this class. */
  readonly slowdown?: Varying
  readonly priority?: Priority
  readonly partition?: string
  readonly workload?: string
  /** How long clients of this class wait for an answer. @default that of the world */
  readonly deadlineMs?: number
}

export type DownstreamSpec = PoolSpec | SharingSpec | UslSpec

interface DownstreamBase {
  /** Answers `timeout` after this long inside. @default 5000 */
  readonly timeoutMs?: number
}

/** A pool of connections with a first-come-first-served wait in front: M/G/c. */
export interface PoolSpec extends DownstreamBase {
  readonly kind: 'pool'
  readonly connections: number
  /** Refuses more waiting calls than this. @default Infinity */
  readonly maxWaiting?: number
}

/** Cores that share their time equally among all calls inside: M/G/c processor sharing. */
export interface SharingSpec extends DownstreamBase {
  readonly kind: 'sharing'
  readonly cores: number
}

/**
 * Universal scalability law (Gunther): each of n calls takes `1 + sigma (n-1) + kappa n (n-1)`
 * times as long, so throughput peaks at `sqrt((1 - sigma) / kappa)` and falls beyond.
 */
export interface UslSpec extends DownstreamBase {
  readonly kind: 'usl'
  readonly sigma: number
  readonly kappa: number
}

/** `hung`: takes calls and does nothing; `down`: refuses at once, what was inside fails. */
export type DownstreamMode = 'up' | 'hung' | 'down'

export interface DownstreamChange {
  readonly at: number
  readonly mode?: DownstreamMode
  /** Connections or cores from now on. */
  readonly capacity?: number
}

/** What befalls the service's own processes. Without `instance`: all of them. */
export type Upset =
  | { readonly kind: 'stall'; readonly at: number; readonly forMs: number }
  | { readonly kind: 'wallJump'; readonly at: number; readonly byMs: number }
  | { readonly kind: 'wallRate'; readonly at: number; readonly rate: number }
  /** Takes no new calls, ends what it has; a new process with an empty memory comes after `forMs`. */
  | {
      readonly kind: 'restart'
      readonly at: number
      readonly instance: number
      readonly forMs: number
    }

export interface WorldSpec {
  readonly durationMs: number
  readonly downstream: DownstreamSpec
  readonly changes?: readonly DownstreamChange[]
  /** Factor on every service time. */
  readonly slowdown?: Varying
  readonly classes: readonly CallClass[]
  readonly perSecond: Varying
  /** Bound of `perSecond`, when it varies. */
  readonly peakPerSecond?: number
  /** Calls that all come at the same moment. */
  readonly herds?: readonly { readonly at: number; readonly count: number }[]
  /** How long a client waits for an answer. @default 1000 */
  readonly deadlineMs?: number
  /** Calls are cancelled when their client leaves, wherever they are. @default false */
  readonly cancelsAtDeadline?: boolean
  /** Times that a client tries again after a refusal, a failure or no answer. @default 0 */
  readonly retries?: number
  /** All clients together try again within a `createRetryBudget()` of ours. @default without a bound */
  readonly hasRetryBudget?: boolean
  /** Processes that share the load and the downstream. @default 1 */
  readonly instances?: number
  /** When each instance starts. @default all at 0 */
  readonly startsAt?: readonly number[]
  /** Each instance's wall clock is off by a random amount up to this. @default 0 */
  readonly wallErrorMs?: number
  readonly upsets?: readonly Upset[]
}

export const defaultDeadlineMs = 1000
export const defaultTimeoutMs = 5000
