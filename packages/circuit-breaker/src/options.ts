import type { Clock } from '@spillway/core'
import {
  clockOption,
  functionOption,
  integerBetween,
  knownKeys,
  milliseconds,
  nonEmptyString,
  positiveInteger,
  ratio,
} from '@spillway/core'

/**
 * Says whether an error means that the downstream failed. `true`: it did. `false`: the error is no
 * evidence at all, neither for the downstream nor against it. `undefined`: leaves it to
 * `classifyFailure`.
 */
export type IsFailure = (error: unknown) => boolean | undefined

/** When a circuit opens and how it finds out that it may close. */
export interface CircuitOptions {
  /**
   * Length of the rolling window in which calls are counted, in ten buckets.
   *
   * @default 1_000: under steady load a dead downstream has failed more than half of the window after
   *   half of its length. A window of ten seconds would take five to notice
   */
  readonly windowMs?: number
  /**
   * Calls that must have ended within the window before it is judged.
   *
   * @default 10: with 5 % of errors, six of ten calls fail in 3 of a million windows; of five calls,
   *   three fail in one of a thousand
   */
  readonly minimumCalls?: number
  /**
   * The circuit opens when more than this part of the calls in the window has failed. 1: never.
   *
   * @default 0.5
   */
  readonly failureRatio?: number
  /**
   * A call that takes longer counts as slow, whatever comes of it. While half-open all probes are
   * judged together.
   *
   * @default none: slowness is the limiter's business; a slow downstream that answers is of more use
   *   than none
   */
  readonly slowCallMs?: number | undefined
  /**
   * The circuit opens when more than this part of the calls in the window was slow.
   *
   * @default 0.8: a breaker cuts everybody off, so nearly everything must be too slow to be of use
   */
  readonly slowCallRatio?: number
  /**
   * Upper bound of the first open time; equal jitter makes it half of this to all of it.
   *
   * @default 500: a hiccup costs a quarter to half of a second
   */
  readonly openMs?: number
  /**
   * Upper bound of later open times, which double with each probe that fails.
   *
   * @default 800, or `openMs` if that is more: with 400 to 800 ms between probes a downstream that
   *   came back is found within a second, and one that is down gets two calls a second
   */
  readonly maxOpenMs?: number
  /**
   * Most probes in flight while half-open. Their number starts at one and doubles with each round
   * that succeeds; the circuit closes after a round of this many.
   *
   * @default 8: 1 + 2 + 4 + 8 calls take four round trips and show that it bears more than one
   */
  readonly maxProbes?: number
  /**
   * A probe that has not ended by then goes on, but no longer keeps the next one from being sent.
   *
   * @default 500: a probe into a black hole must not hide that the downstream is back
   */
  readonly probeIntervalMs?: number
  /** Extends `classifyFailure`, for errors that it does not know and takes for answers. */
  readonly isFailure?: IsFailure
  /**
   * Longest time a caller of `run` waits; its signal aborts then, and the call counts as failed.
   *
   * @default 10_000: opossum's own. A breaker learns nothing from a call before it ends; most calls
   *   should bring a shorter deadline
   */
  readonly timeoutMs?: number
  /**
   * A call whose own `deadlineMs` was shorter than this and has passed is ignored.
   *
   * @default 100: deadlines may come from untrusted headers, and a thousand callers that give a
   *   millisecond each must not be able to open the circuit for the others
   */
  readonly minTimeoutMs?: number
  /** @default systemClock */
  readonly clock?: Clock
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
}

export interface BreakerOptions extends CircuitOptions {
  /** The downstream's name; appears in stats, events and metrics. */
  readonly name: string
}

/** Every option with a value. */
export type ParsedOptions = Required<Omit<BreakerOptions, 'slowCallMs'>> & {
  readonly slowCallMs: number | undefined
}

/** Those of {@link CircuitOptions} that say nothing about the calls' own time and clock. */
export const circuitKeys = [
  'windowMs',
  'minimumCalls',
  'failureRatio',
  'slowCallMs',
  'slowCallRatio',
  'openMs',
  'maxOpenMs',
  'maxProbes',
  'probeIntervalMs',
  'isFailure',
  'minTimeoutMs',
  'random',
] as const

/** All but the name. */
export const definitionKeys: readonly (keyof CircuitOptions)[] = [
  ...circuitKeys,
  'timeoutMs',
  'clock',
]

const known = ['name', ...definitionKeys] as const

const leaveToDefault = (): undefined => undefined

/** @throws SPW_ERR_OPTION */
export function parseOptions(options: BreakerOptions): ParsedOptions {
  knownKeys('options', options, known)
  return Object.freeze({
    name: nonEmptyString('name', options.name),
    ...parseWindow(options),
    ...parseProbing(options),
    ...parseCalls(options),
    clock: clockOption(options.clock),
    random: functionOption('random', options.random ?? Math.random),
  })
}

type Parsed<Key extends keyof ParsedOptions> = Pick<ParsedOptions, Key>

function parseWindow({
  windowMs = 1000,
  minimumCalls = 10,
  failureRatio = 0.5,
  slowCallMs,
  slowCallRatio = 0.8,
}: BreakerOptions): Parsed<
  'windowMs' | 'minimumCalls' | 'failureRatio' | 'slowCallMs' | 'slowCallRatio'
> {
  return {
    windowMs: milliseconds('windowMs', windowMs, 100),
    minimumCalls: positiveInteger('minimumCalls', minimumCalls),
    failureRatio: ratio('failureRatio', failureRatio),
    slowCallMs: slowCallMs === undefined ? undefined : milliseconds('slowCallMs', slowCallMs, 1),
    slowCallRatio: ratio('slowCallRatio', slowCallRatio),
  }
}

function parseProbing({
  openMs = 500,
  maxOpenMs = Math.max(800, openMs),
  maxProbes = 8,
  probeIntervalMs = 500,
}: BreakerOptions): Parsed<'openMs' | 'maxOpenMs' | 'maxProbes' | 'probeIntervalMs'> {
  milliseconds('openMs', openMs, 1)
  return {
    openMs,
    maxOpenMs: milliseconds('maxOpenMs', maxOpenMs, openMs),
    maxProbes: integerBetween('maxProbes', maxProbes, 1, 1024),
    probeIntervalMs: milliseconds('probeIntervalMs', probeIntervalMs, 1),
  }
}

function parseCalls({
  isFailure = leaveToDefault,
  timeoutMs = 10_000,
  minTimeoutMs = 100,
}: BreakerOptions): Parsed<'isFailure' | 'timeoutMs' | 'minTimeoutMs'> {
  return {
    isFailure: functionOption('isFailure', isFailure),
    timeoutMs: milliseconds('timeoutMs', timeoutMs, 1),
    minTimeoutMs: milliseconds('minTimeoutMs', minTimeoutMs),
  }
}
