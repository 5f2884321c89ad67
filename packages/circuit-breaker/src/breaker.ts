import type { ErrorCode } from '@spillway/core'
import { SpillwayError } from '@spillway/core'

/** Polly's and everybody's states. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/**
 * How a call ended, for the breaker. `timeout` is a failure that is also counted apart. `ignored` is no
 * evidence: the caller left, or the call was refused elsewhere.
 */
export type BreakerOutcome = 'success' | 'failure' | 'timeout' | 'ignored'

/** Why the state has changed. */
export type ChangeReason =
  /** closed → open: more than `failureRatio` of the window has failed */
  | 'failures'
  /** closed → open: more than `slowCallRatio` of the window was slow */
  | 'slow_calls'
  /** closed → open: `trip()`, by whoever owns the breaker */
  | 'tripped'
  /** open → half-open: the open time is over, and a call has come */
  | 'open_time_over'
  /** half-open → open: a round of probes has failed */
  | 'probes_failed'
  /** half-open → closed: the widest round of probes has succeeded */
  | 'probes_succeeded'
  /** half-open → closed: probes came and went, and nothing was said against the downstream */
  | 'no_evidence'
  /** `open()` or `close()` */
  | 'manual'

export interface StateChange {
  readonly breaker: string
  readonly from: BreakerState
  readonly to: BreakerState
  readonly reason: ChangeReason
}

/** The right to make one call. */
export interface BreakerPass {
  readonly kind: 'pass'
  /** Whether the call is to find out if the downstream is back. */
  readonly isProbe: boolean
  /**
   * Tells how the call has ended, and so how long it took. The first call counts, later ones do
   * nothing; nor does a pass from before the latest change of state, whatever it says.
   *
   * @throws SPW_ERR_OPTION for any other word; then the call has ended as ignored
   */
  end(outcome: BreakerOutcome): void
}

/** A refusal is a value, not an error: saying no must be cheap. */
export interface BreakerRefusal {
  readonly kind: 'refusal'
  /** `probing`: half-open, and all the probes that may be in flight are. */
  readonly reason: 'open' | 'probing' | 'shutdown'
  readonly code: ErrorCode
  /** When a retry has a chance, without jitter. */
  readonly retryAfterMs: number
}

/** The work behind a breaker. Stop it for real when the signal aborts. */
export type Work<T> = (signal: AbortSignal) => PromiseLike<T>

/** What a caller says about one call; undefined is the same as not said. */
export interface CallOptions {
  /** The caller has left when it aborts: the call is ignored, unless a timeout aborted it. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds left until the answer is worthless. Only ever shortens `timeoutMs`. */
  readonly deadlineMs?: number | undefined
  /**
   * The same by the word of a caller that anybody may be: it ends the call, and is no evidence.
   *
   * @default none
   */
  readonly callerDeadlineMs?: number | undefined
}

/** Plain numbers. Counters only ever grow. */
export interface BreakerStats {
  readonly name: string
  readonly state: BreakerState
  /** Passes that have not ended. */
  readonly inFlight: number
  readonly successes: number
  /** Timeouts among them. */
  readonly failures: number
  readonly timeouts: number
  readonly ignored: number
  readonly refused: number
  /** Passes that ended after the state had changed, and were not counted as evidence. */
  readonly stragglers: number
  /** How often the circuit has opened. */
  readonly opened: number
  /** Of the calls that ended in the rolling window while closed. */
  readonly failureRatio: number
}

/** A breaker as an operator sees it. */
export interface BreakerControl {
  readonly name: string
  /** Follows from the clock: `half_open` as soon as a call would be let through as a probe. */
  readonly state: BreakerState
  stats(): BreakerStats
  /** Opens the circuit, until somebody calls `close`. */
  open(): void
  /** Closes the circuit with an empty window. */
  close(): void
  /** Tells `listener` of each change, when it is complete. Returns what stops that. */
  onStateChange(listener: (change: StateChange) => void): () => void
  /** Refuses every later call; running ones end as they would. */
  shutdown(): void
}

/** Cuts a downstream off that fails, and finds out with a few probes when it is back. */
export interface Breaker extends BreakerControl {
  /** Asks for one call. A refusal counts as nothing but a refusal. */
  admit(): BreakerPass | BreakerRefusal
  /**
   * Refuses a call that must wait elsewhere before it is admitted here, as far as that can be said
   * already. Counts a refusal, and takes no probe when there is none.
   */
  refuse(): BreakerRefusal | undefined
  /** The refusal that a call would get right now; changes nothing. */
  wouldRefuse(): BreakerRefusal | undefined
  /**
   * Opens a closed circuit for the usual open time, on evidence that the window cannot weigh. Does
   * nothing while it is not closed, nor with a `failureRatio` of 1.
   */
  trip(): void
  /**
   * Runs `work` unless the circuit is open. The promise settles at the call's deadline or timeout, and
   * at once when `options.signal` aborts; the signal that `work` got, its own, aborts then.
   *
   * @throws SPW_ERR_CIRCUIT_OPEN (503) when it was not run
   * @throws SPW_ERR_CALL_TIMEOUT (504) when it ran longer than its deadline or `timeoutMs`
   * @throws SPW_ERR_DEADLINE (503) when its deadline had passed before
   * @throws SPW_ERR_CANCELLED (499) when `options.signal` aborted; its reason is the `cause`. Aborted by
   *   a timeout (`AbortSignal.timeout()`): as for a deadline
   * @throws SPW_ERR_CLOSED (503) after `shutdown`
   * @throws SPW_ERR_OPTION when one of `options` is unknown or of the wrong type
   * @throws whatever `work` throws
   */
  run<T>(work: Work<T>, options?: CallOptions): Promise<T>
}

const codes: Readonly<Record<BreakerRefusal['reason'], ErrorCode>> = {
  open: 'SPW_ERR_CIRCUIT_OPEN',
  probing: 'SPW_ERR_CIRCUIT_OPEN',
  shutdown: 'SPW_ERR_CLOSED',
}

export function breakerRefusal(
  reason: BreakerRefusal['reason'],
  retryAfterMs: number,
): BreakerRefusal {
  return { kind: 'refusal', reason, code: codes[reason], retryAfterMs }
}

/** The error form of a refusal, for callers that await. */
export function breakerError({ code, reason, retryAfterMs }: BreakerRefusal): SpillwayError {
  const more = reason === 'shutdown' ? { message: 'The breaker was shut down' } : {}
  return new SpillwayError(code, { reason, retryAfterMs, ...more })
}
