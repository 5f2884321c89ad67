import type { Clock } from '../clock.ts'

/**
 * How a call ended, as far as the limit is concerned.
 *
 * - `success`: the downstream answered; its latency is evidence. A 404 is a success.
 * - `dropped`: it timed out, or refused for lack of capacity: evidence of overload.
 * - `ignored`: says nothing about load (the caller hung up, a local refusal, an instant failure).
 */
export type Outcome = 'success' | 'dropped' | 'ignored'

/** One finished call, as a {@link Limit} sees it. A permit is its own sample: nothing is copied. */
export interface Sample {
  /** Monotonic milliseconds at which the call was admitted. */
  readonly startedAt: number
  /** Milliseconds from admission to release; neither time in the queue nor pauses are part of it. */
  readonly durationMs: number
  /** Milliseconds spent in the waiting queue before admission; 0 when admitted at once. */
  readonly waitedMs: number
  /** Calls in flight right after admission, this one included. */
  readonly inFlight: number
  readonly outcome: Outcome
  /** Calls of one workload cost about the same (a route, a statement); undefined: all alike. */
  readonly workload: string | undefined
  /** Milliseconds after which the answer is worthless; a second when the caller did not say. */
  readonly patienceMs: number
}

/**
 * The algorithm that moves the number; the limiter only asks and reports. After the contract of
 * Netflix's concurrency-limits, with two additions: the limit may depend on the time (probing), and
 * each value comes with the reason for its last move.
 */
export interface Limit {
  /** `'adaptive'`, `'fixed'`, `'vegas'`, … */
  readonly algorithm: string
  /** Calls that may be in flight at `now` (clock's monotonic ms). Called on every admission. */
  at(now: number): number
  /** The settled estimate, without probing. */
  readonly current: number
  /** Milliseconds after which the next permit comes free, where calls alone do not tell. */
  readonly permitIntervalMs?: number | undefined
  /** Why `current` last moved, or did not. */
  readonly reason: string
  /** Learns from one finished call; `now` is the moment of its release. */
  onSample(sample: Sample, now: number): void
}

/** What a limit is given when its limiter is made. */
export interface LimitContext {
  readonly clock: Clock
}

/**
 * Makes the limit of one limiter. `adaptiveLimit()` and its siblings return one of these, so that
 * an options object that is used for two limiters never makes them share state.
 */
export type LimitFactory = (context: LimitContext) => Limit
