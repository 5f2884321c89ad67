import type { ParsedBreakerOptions } from '@spillway/circuit-breaker'
import type {
  Clock,
  LimitFactory,
  LimiterOptions,
  Mode,
  Outcome,
  QueueOptions,
} from '@spillway/core'
import {
  clockOption,
  functionOption,
  knownKeys,
  milliseconds,
  nonEmptyString,
} from '@spillway/core'
import type { GuardCircuitOptions } from './circuit-options.ts'
import { parseCircuit } from './circuit-options.ts'

/**
 * Says what a rejected call tells limit and breaker about the downstream: it answered (`success`), it
 * has no room or took too long (`dropped`), nothing (`ignored`). Undefined leaves it to the guard.
 */
export type Classify = (error: unknown) => Outcome | undefined

/** How one downstream is guarded. */
export interface DownstreamOptions {
  /**
   * How many calls may run at once.
   *
   * @default adaptiveLimit(), which finds out by itself
   */
  readonly limit?: LimitFactory
  /** How many may wait for their turn, and how long. @default the limiter's own */
  readonly queue?: QueueOptions
  /**
   * Longest time a caller waits for a running call. The call's signal aborts then; its permit comes
   * back when it has really ended.
   *
   * @default 30_000: longer than anybody in front of a service waits (most gateways give up before),
   *   short enough that a downstream that never answers does not keep its callers
   */
  readonly timeoutMs?: number
  /**
   * Time that a call has left if it names no `deadlineMs` itself, wait and run together.
   *
   * @default none: the wait is bounded by the queue, the run by `timeoutMs`
   */
  readonly deadlineMs?: number | undefined
  /**
   * When the downstream counts as gone, so that it is no longer asked; false: never.
   *
   * @default true: the breaker's own defaults. It cannot cut off a downstream that is merely slow
   */
  readonly breaker?: GuardCircuitOptions | boolean
  /**
   * Whether limiter and breaker refuse calls, only count which ones they would refuse, or do nothing.
   * May be changed later, by the guard's own `mode`. Unless it enforces, no time is up for any call.
   *
   * @default 'enforce'
   */
  readonly mode?: Mode
  /** For errors of a client library that the guard does not know, which it takes for answers. */
  readonly classify?: Classify
  /** @default systemClock */
  readonly clock?: Clock
}

export interface GuardOptions extends DownstreamOptions {
  /** The downstream's name; appears in stats, events and metrics. */
  readonly name: string
}

/** Every option with a value. */
export interface ParsedGuardOptions {
  readonly limiter: LimiterOptions
  readonly timeoutMs: number
  readonly deadlineMs: number | undefined
  readonly circuit: ParsedBreakerOptions | undefined
  readonly classify: Classify
  readonly clock: Clock
}

/** All but the name. */
export const downstreamKeys = [
  'limit',
  'queue',
  'timeoutMs',
  'deadlineMs',
  'breaker',
  'mode',
  'classify',
  'clock',
] as const

const known = ['name', ...downstreamKeys] as const

export function parseOptions(options: GuardOptions): ParsedGuardOptions {
  knownKeys('options', options, known)
  const { limit, queue, mode, timeoutMs = 30_000, deadlineMs } = options
  const name = nonEmptyString('name', options.name)
  const clock = clockOption(options.clock)
  milliseconds('timeoutMs', timeoutMs, 1)
  return {
    limiter: {
      name,
      clock,
      ...(limit === undefined ? {} : { limit }),
      ...(queue === undefined ? {} : { queue }),
      ...(mode === undefined ? {} : { mode }),
    },
    timeoutMs,
    deadlineMs: deadlineMs === undefined ? undefined : milliseconds('deadlineMs', deadlineMs, 1),
    circuit: parseCircuit(options.breaker ?? true, { name, timeoutMs, clock }),
    classify: functionOption('classify', options.classify ?? (() => undefined)),
    clock,
  }
}
