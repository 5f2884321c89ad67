/** The longest delay that Node's timers hold, in milliseconds; beyond, they fire at once. */
export const longestTimerMs = 2_147_483_647

/** What a timer handle is, is the clock's own business: it is only ever handed back to it. */
export type TimerHandle = unknown

/**
 * The only way this package learns what time it is. Inject a manual one in tests, a virtual one in
 * a simulation; the default is {@link systemClock}.
 */
export interface Clock {
  /** Monotonic milliseconds with fractions, from an arbitrary origin. Every duration uses it. */
  now(): number
  /**
   * Milliseconds since the Unix epoch. May jump. Used only to put several processes in phase, never
   * to measure a duration.
   */
  wallNow(): number
  /**
   * Runs `callback` once after `delayMs`: soon when that is 0 or less, and after
   * {@link longestTimerMs} when it is more. A pending timer must not keep the process alive, unless
   * {@link keepAlive} says so.
   */
  setTimer(callback: () => void, delayMs: number): TimerHandle
  /** Forgets a timer; one that already ran is no error. */
  clearTimer(timer: TimerHandle): void
  /**
   * Whether a pending timer keeps the process alive until it has run: it does while a caller awaits
   * it. A clock that has nothing to do with the life of a process does without.
   */
  keepAlive?(timer: TimerHandle, isAwaited: boolean): void
}

/** A timer that a caller awaits: without it the caller would never have an answer. */
export function setAwaitedTimer(clock: Clock, callback: () => void, delayMs: number): TimerHandle {
  const timer = clock.setTimer(callback, delayMs)
  clock.keepAlive?.(timer, true)
  return timer
}

/** The process's own clock: `performance.now()`, `Date.now()` and Node's timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  // Node warns of a delay that is past, and runs a timer at once that is too far away.
  setTimer: (callback, delayMs) =>
    setTimeout(callback, Math.min(Math.max(delayMs, 0), longestTimerMs)).unref(),
  clearTimer: (timer) => {
    clearTimeout(timer as NodeJS.Timeout)
  },
  keepAlive: (timer, isAwaited) => {
    if (isAwaited) (timer as NodeJS.Timeout).ref()
    else (timer as NodeJS.Timeout).unref()
  },
}
