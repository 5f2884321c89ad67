import type { Clock } from '../clock.ts'
import type { LimitFactory } from '../limit/limit.ts'
import type { Mode } from '../mode.ts'
import type { Priority } from '../priority.ts'
import type {
  AcquireOptions,
  Admission,
  Permit,
  Refusal,
  RefusalReason,
  Waiter,
} from './admission.ts'

/** How long and how many may wait for a permit. */
export interface QueueOptions {
  /** Most calls waiting at once; a memory bound, the wait itself is bounded by time. 0: never wait. @default 1000 */
  readonly maxSize?: number
  /**
   * Longest wait of any call, in milliseconds; a call that names no deadline may wait as long.
   *
   * @default what the call's deadline leaves; 500 for a call that names none
   */
  readonly maxWaitMs?: number
}

export interface LimiterOptions {
  /** Appears in stats, events and metrics. */
  readonly name: string
  /** @default adaptiveLimit() */
  readonly limit?: LimitFactory
  readonly queue?: QueueOptions
  /**
   * Whether it refuses, only counts what it would refuse, or does nothing. May be changed later, by
   * the limiter's own `mode`.
   *
   * @default 'enforce'
   */
  readonly mode?: Mode
  /** @default systemClock */
  readonly clock?: Clock
}

/** By the refused call's priority, and why. */
export type RefusalCounts = Readonly<Record<Priority, Readonly<Record<RefusalReason, number>>>>

/** A snapshot in plain numbers; counts only ever grow. */
export interface LimiterStats {
  readonly name: string
  readonly mode: Mode
  readonly algorithm: string
  readonly limit: number
  readonly limitReason: string
  readonly inFlight: number
  readonly queued: number
  readonly admitted: Readonly<Record<Priority, number>>
  readonly refused: RefusalCounts
  /** Calls that ran although they would have been refused, because the limiter merely observed. */
  readonly wouldHaveRefused: RefusalCounts
  readonly released: Readonly<Record<'success' | 'dropped' | 'ignored', number>>
  /** Mean duration of recent calls. */
  readonly meanDurationMs: number
  /** Estimated wait of a `default` call that came now. */
  readonly estimatedWaitMs: number
}

/**
 * Admits, queues or refuses calls so that never more than the limit are in flight. Only a call that
 * goes on after a pause may exceed it, for it has begun and making it wait would free nothing; and one
 * that says so of itself (`mayExceed`).
 */
export interface Limiter {
  readonly name: string
  /** Calls that may be in flight right now. */
  readonly limit: number
  /** Calls that run now, in whatever mode they were let in; those whose permit is paused do not. */
  readonly inFlight: number
  readonly queued: number
  /**
   * Change it at any time. Who waits then is let in at once, unless the limiter is set to enforce; calls
   * that were let in while it did not enforce count against the limit once it does.
   *
   * @throws SPW_ERR_OPTION when it is set to something that is no mode
   */
  mode: Mode
  /**
   * The decision all others are made of; allocates one object at most and never a promise. With a
   * waiter, a call that cannot start now may be queued and the waiter is told later.
   *
   * @throws SPW_ERR_OPTION when one of `options` is of the wrong type; elsewhere also when it is unknown
   */
  admit(options: AcquireOptions | undefined, waiter: Waiter | undefined): Admission
  /** A permit now, or nothing; never waits. */
  tryAcquire(options?: AcquireOptions): Permit | undefined
  /** Waits for a permit. @throws SpillwayError with the refusal's code */
  acquire(options?: AcquireOptions): Promise<Permit>
  /**
   * Runs `work` under a permit and releases it when the returned promise has settled. A rejection
   * counts as `ignored`; use `acquire` to say otherwise.
   */
  run<T>(work: (permit: Permit) => PromiseLike<T> | T, options?: AcquireOptions): Promise<T>
  /** What `admit` would refuse right now, without asking for anything: for doors in front. */
  wouldRefuse(options?: AcquireOptions): Refusal | undefined
  /**
   * The same for somebody who is told now and may ask for a permit later, such as an upload whose body
   * is still to come: a refusal is counted.
   */
  check(options?: AcquireOptions): Refusal | undefined
  stats(): LimiterStats
  /** Refuses those who wait now with `circuit_open`; later calls are admitted as ever. */
  drain(): void
  /** Refuses the waiting and all later calls with `closed`; permits out are still taken back. */
  close(): void
}
