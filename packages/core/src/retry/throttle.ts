import type { Clock } from '../clock.ts'
import type { Evidence } from '../evidence/evidence.ts'
import { isFailing } from '../evidence/evidence.ts'
import {
  clockOption,
  functionOption,
  knownKeys,
  milliseconds,
  numberBetween,
  positiveInteger,
  ratio,
} from '../options.ts'
import type { Priority } from '../priority.ts'
import { RollingCount } from './rolling-count.ts'

export interface AdaptiveThrottleOptions {
  /**
   * Requests that are sent for each one that is accepted, before any is held back.
   *
   * @default 2: the SRE book's; the downstream sees its own state at twice the cost
   */
  readonly multiplier?: number
  /**
   * What is remembered, in milliseconds.
   *
   * @default 2_000: a client that asks too little for a streak of accepted answers has everything
   *   through again about two windows after a recovery. With the two minutes of the SRE book that
   *   would be minutes
   */
  readonly windowMs?: number
  /**
   * Largest share that is held back.
   *
   * @default 0.9: whoever sends nothing does not learn that the downstream is back
   */
  readonly maxRejectRatio?: number
  /**
   * Below so many attempts in the window nothing is held back.
   *
   * @default 10: five a second overload nobody, and one failure among few says little
   */
  readonly minRequests?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
  /** @default systemClock */
  readonly clock?: Clock
}

export interface AdaptiveThrottleStats {
  /** Attempts of the window that were answered or held back. */
  readonly requests: number
  readonly accepts: number
  /** Share of calls of priority `default` that is held back now. */
  readonly rejectRatio: number
  /** Attempts held back since the start. */
  readonly rejectedTotal: number
}

/** A client that stops asking a downstream that refuses. */
export interface AdaptiveThrottle {
  /** False when an attempt is to be held back, which counts as one that was not accepted. */
  tryAttempt(priority?: Priority): boolean
  /** The downstream took an attempt on, whatever came of it. */
  accept(): void
  /** The downstream refused an attempt, is broken, or did not answer. */
  refuse(): void
  stats(): AdaptiveThrottleStats
}

/** Tells of an attempt that has ended; of one that says nothing about the downstream it does not. */
export function tellThrottle(throttle: AdaptiveThrottle | undefined, evidence: Evidence): void {
  if (isFailing(evidence)) throttle?.refuse()
  else if (evidence === 'answered') throttle?.accept()
}

/** An exponent above 1 makes a share below 1 smaller: the important are held back last. */
const exponents: Readonly<Record<Priority, number>> = { critical: 4, high: 2, default: 1, low: 0.5 }

/**
 * The share to hold back, `max(0, (requests - K * accepts) / (requests + 1))`.
 *
 * Source: Beyer et al., Site Reliability Engineering, chapter 21 "Handling Overload".
 */
export function rejectRatio(requests: number, accepts: number, multiplier: number): number {
  return Math.max(0, (requests - multiplier * accepts) / (requests + 1))
}

/** So seldom may a streak of accepted answers be an accident. */
const accidentRatio = 0.001

/**
 * Whether so many accepted answers in a row mean that the outage is over: whether they would be an
 * accident of less than one in a thousand, as often as answers were accepted before (by Laplace's rule
 * of succession, for few say little). After a full outage that is three or four; in an overload that
 * lasts, where half of what is sent is refused, ten.
 */
export function isRecovery(
  streak: number,
  acceptedBefore: number,
  answeredBefore: number,
): boolean {
  const acceptedRatio = (acceptedBefore + 1) / (answeredBefore + 2)
  return acceptedRatio ** streak < accidentRatio
}

/**
 * Client-side throttling of the SRE book. Attempts that were held back are counted, so that holding
 * back is no recovery. The others are counted when their outcome is known, not as in the book when
 * they are made: a burst after a silence is all in flight, and would look refused. And a streak of
 * accepted answers ends the throttling at once, where the book waits for the window to pass.
 *
 * @throws SPW_ERR_OPTION
 */
export function createAdaptiveThrottle(options: AdaptiveThrottleOptions = {}): AdaptiveThrottle {
  const { multiplier, windowMs, maxRejectRatio, minRequests, random, clock } = parseOptions(options)
  const attempts = new RollingCount(windowMs, clock)
  const accepts = new RollingCount(windowMs, clock)
  const refusals = new RollingCount(windowMs, clock)
  let rejectedTotal = 0
  let streak = 0
  let isHoldingBack = false
  const forget = (): void => {
    attempts.clear()
    accepts.clear()
    refusals.clear()
    isHoldingBack = false
  }
  /** The streak may be longer than what the window remembers of it. */
  const hasRecovered = (): boolean => {
    const before = Math.max(0, accepts.total - streak)
    return isRecovery(streak, before, before + refusals.total)
  }
  const share = (): number =>
    attempts.total < minRequests ? 0 : rejectRatio(attempts.total, accepts.total, multiplier)
  return {
    tryAttempt(priority = 'default') {
      const isHeldBack = random() < Math.min(share() ** exponents[priority], maxRejectRatio)
      if (!isHeldBack) return true
      attempts.add()
      rejectedTotal += 1
      isHoldingBack = true
      return false
    },
    accept: () => {
      attempts.add()
      accepts.add()
      streak += 1
      if (isHoldingBack && hasRecovered()) forget()
    },
    refuse: () => {
      attempts.add()
      refusals.add()
      streak = 0
    },
    stats: () => ({
      requests: attempts.total,
      accepts: accepts.total,
      rejectRatio: Math.min(share(), maxRejectRatio),
      rejectedTotal,
    }),
  }
}

const known = [
  'multiplier',
  'windowMs',
  'maxRejectRatio',
  'minRequests',
  'random',
  'clock',
] as const

function parseOptions(options: AdaptiveThrottleOptions): Required<AdaptiveThrottleOptions> {
  knownKeys('options', options, known)
  return {
    multiplier: numberBetween('multiplier', options.multiplier ?? 2, 1, 1000),
    windowMs: milliseconds('windowMs', options.windowMs ?? 2_000, 1),
    maxRejectRatio: ratio('maxRejectRatio', options.maxRejectRatio ?? 0.9),
    minRequests: positiveInteger('minRequests', options.minRequests ?? 10),
    // oxlint-disable-next-line no-restricted-properties -- a default; whoever needs repetition injects
    random: functionOption('random', options.random ?? Math.random),
    clock: clockOption(options.clock),
  }
}
