import type { Clock, TimerHandle } from '@spillway/core'
import { systemClock } from '@spillway/core'

/** The system clock, and how many of its timers are pending: most are unref'd, nobody else sees them. */
export class CountingClock implements Clock {
  readonly #pending = new Set<TimerHandle>()

  get pendingTimers(): number {
    return this.#pending.size
  }

  now(): number {
    return systemClock.now()
  }

  wallNow(): number {
    return systemClock.wallNow()
  }

  setTimer(callback: () => void, delayMs: number): TimerHandle {
    const timer = systemClock.setTimer(() => {
      this.#pending.delete(timer)
      callback()
    }, delayMs)
    this.#pending.add(timer)
    return timer
  }

  clearTimer(timer: TimerHandle): void {
    this.#pending.delete(timer)
    systemClock.clearTimer(timer)
  }

  keepAlive(timer: TimerHandle, isAwaited: boolean): void {
    systemClock.keepAlive?.(timer, isAwaited)
  }
}
