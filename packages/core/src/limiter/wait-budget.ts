/** What the wait of one call is decided on. All in milliseconds. */
export interface WaitQuestion {
  /** Time the caller has left, if it said so. */
  readonly deadlineMs: number | undefined
  /** The call's own bound, if any. */
  readonly maxWaitMs: number | undefined
  /** The queue's bound, if the user set one. */
  readonly queueMaxWaitMs: number | undefined
  /** What a call takes at present. */
  readonly meanDurationMs: number
  /** How often a permit comes free at present. */
  readonly permitIntervalMs: number
  /** Whether such calls are too late at present. */
  readonly isOverloaded: boolean
}

/**
 * Patience of a caller that names no deadline. A second is what interactive clients and most
 * gateways give an upstream before a user notices; half of it may be spent in the queue.
 */
export const assumedDeadlineMs = 1000
export const defaultMaxWaitMs: number = assumedDeadlineMs / 2

/** Part of the deadline that a call may wait under overload. */
const overloadedBudgetRatio = 0.05
/**
 * Permits that come free during the wait of an overloaded call, at least. Behind a slow downstream a
 * twentieth of the deadline may be two permits long; the lane would often be empty when one comes
 * free, and the permit would go to somebody less important.
 */
const overloadedBudgetPermits = 8
/** Part of the deadline that may be spent here at all; the rest is the way back. */
const usableDeadlineRatio = 0.95

/** Whether a caller has named a deadline. Nobody waits for ever: Infinity is the same as none. */
export function hasDeadline(deadlineMs: number | undefined): deadlineMs is number {
  return deadlineMs !== undefined && deadlineMs !== Infinity
}

/** Also what is no number leaves no time. */
export function hasPassed(deadlineMs: number | undefined): boolean {
  return deadlineMs !== undefined && !(deadlineMs > 0)
}

/** What the caller's patience is taken to be. */
export function patienceMs(deadlineMs: number | undefined): number {
  return hasDeadline(deadlineMs) ? deadlineMs : assumedDeadlineMs
}

/** How long from now the answer may take, of which a part is the way back; Infinity when not said. */
export function usableMs(deadlineMs: number | undefined): number {
  return hasDeadline(deadlineMs) ? usableDeadlineRatio * deadlineMs : Infinity
}

/** How long a call may wait. */
export interface WaitBudget {
  readonly ms: number
  /** Whether that is all that its deadline leaves: if it waits in vain, waits are too long. */
  readonly isWhole: boolean
}

/**
 * How long this call may wait: all that the deadline leaves after the call itself. Under overload a
 * twentieth of the deadline or a few permits, since whoever waits longer only delays somebody younger.
 */
export function waitBudget(question: WaitQuestion): WaitBudget {
  const whole = wholeBudgetMs(question)
  const present = question.isOverloaded ? Math.min(whole, hurriedBudgetMs(question, whole)) : whole
  const ms = Math.min(present, question.maxWaitMs ?? Infinity)
  return { ms, isWhole: ms === whole }
}

function wholeBudgetMs({ deadlineMs, queueMaxWaitMs, meanDurationMs }: WaitQuestion): number {
  if (!hasDeadline(deadlineMs)) return queueMaxWaitMs ?? defaultMaxWaitMs
  return Math.min(usableMs(deadlineMs) - meanDurationMs, queueMaxWaitMs ?? Infinity)
}

function hurriedBudgetMs({ deadlineMs, permitIntervalMs }: WaitQuestion, whole: number): number {
  return Math.max(
    overloadedBudgetRatio * Math.max(patienceMs(deadlineMs), whole),
    overloadedBudgetPermits * permitIntervalMs,
  )
}

/**
 * A call may take longer than the mean; by how much more is reckoned with when it is its turn. Not
 * more: while the downstream becomes slower it would turn the important ones away who wait, and the
 * permit would go to somebody less important who has just come.
 */
const prudence = 1.25

/**
 * Whether a call whose turn has come would be answered too late: the downstream may have become
 * slower since it was let wait. Whoever is next has better prospects, so no benefit of the doubt.
 */
export function isTooLate(serveBy: number, now: number, durationMs: number): boolean {
  return now + prudence * durationMs > serveBy
}
