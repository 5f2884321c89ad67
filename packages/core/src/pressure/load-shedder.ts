import type { Clock } from '../clock.ts'
import type { ErrorCode } from '../errors.ts'
import type { AcquireOptions, Refusal, Waiting } from '../limiter/admission.ts'
import type { LimiterStats } from '../limiter/limiter.ts'
import type { Mode } from '../mode.ts'
import type { Priority } from '../priority.ts'
import type { ProcessFacts } from './process-facts.ts'
import type { Runnable } from './runnable.ts'
import type { Signal, SignalFunction } from './signal.ts'

export interface LoadShedderOptions {
  /** Appears in stats, events and metrics. @default 'process' */
  readonly name?: string
  /**
   * What tells the pressure; the highest counts. Signals of one's own are named functions.
   *
   * @default [eventLoopDelay(), heapUsed(), memoryUsed()]: what every process can die of, and nothing that
   *   is high while all is well
   */
  readonly signals?: readonly (Signal | SignalFunction)[]
  /**
   * Milliseconds between two readings of the signals.
   *
   * @default 100: ten readings a second cost nothing, and a tenth of a second of overload is no harm
   */
  readonly sampleIntervalMs?: number
  /** Whether it refuses, only counts what it would refuse, or does nothing. @default 'enforce' */
  readonly mode?: Mode
  /** @default systemClock */
  readonly clock?: Clock
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
  /** Where the readings come from. @default this process */
  readonly process?: ProcessFacts
}

/** A refusal is a value, not an error: saying no must be cheap. */
export interface ShedRefusal {
  readonly kind: 'refusal'
  /** The name of the signal that decided. */
  readonly reason: string
  readonly code: ErrorCode
  readonly retryAfterMs: number
}

/** A snapshot in plain numbers; counts only ever grow. */
export interface LoadShedderStats {
  readonly name: string
  readonly mode: Mode
  /** Of the last reading, 0 to 1: the highest of the signals and of the run queue. */
  readonly pressure: number
  readonly signals: Readonly<Record<string, SignalStats>>
  /** Requests that were let in; those that wait for the processor are when they are run. */
  readonly admitted: Readonly<Record<Priority, number>>
  /** Requests that a signal refused, or the run queue. */
  readonly refused: Readonly<Record<Priority, number>>
  /** Requests that went on although they would have been refused: it merely observes. */
  readonly wouldHaveRefused: Readonly<Record<Priority, number>>
  /** Requests that wait, or waited, for the processor. */
  readonly runQueue: RunQueueStats
  /** Readings that were discarded because the process had stood still. */
  readonly frozen: number
}

export interface RunQueueStats extends LimiterStats {
  /**
   * 0 to 1: the part of a second that a request which came now would wait; or, as soon as some are
   * refused, the part of the time that the event loop is busy.
   */
  readonly pressure: number
  /** What a request costs the process at least, at present. */
  readonly meanDurationMs: number
}

export interface SignalStats {
  /** 0 to 1. */
  readonly pressure: number
  /** Readings that were no number from 0 on, or threw. */
  readonly ignored: number
}

/** Refuses a part of the requests when the process itself is overloaded, the least important first. */
export interface LoadShedder {
  readonly name: string
  /** Of the last reading, 0 to 1: the highest of the signals and of the run queue. */
  readonly pressure: number
  /** @throws SPW_ERR_OPTION when it is set to something that is no mode */
  mode: Mode
  /** Whether a request is refused; undefined when it is not. Neither waits nor holds anything. */
  decide(priority: Priority): ShedRefusal | undefined
  /**
   * Whether a request that has just come may run at once. If not, because requests have kept the event
   * loop too long already, it has to `enter`.
   */
  mayRun(): boolean
  /** Waits for the processor by priority; is refused at once if that would be in vain. */
  enter(options: AcquireOptions, request: Runnable): Waiting | Refusal | undefined
  stats(): LoadShedderStats
  /** Ends the readings. Nobody is refused any more, and whoever waits is run. */
  close(): void
}
