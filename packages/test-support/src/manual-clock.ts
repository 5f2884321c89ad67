import type { Clock } from '@spillway/core'

interface ManualTimer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
  isAwaited: boolean
}

/** Far more than any test sets for one moment. */
const maxRunsAtOneMoment = 10_000

/** A clock that stands still until the test moves it; timers run in order of their time. */
export class ManualClock implements Clock {
  #now = 0
  #wallOffset: number
  #order = 0
  readonly #timers = new Set<ManualTimer>()

  constructor(wallStart = 1_700_000_000_000) {
    this.#wallOffset = wallStart
  }

  now = (): number => this.#now
  wallNow = (): number => this.#wallOffset + this.#now

  setTimer = (callback: () => void, delayMs: number): ManualTimer => {
    const timer = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      isAwaited: false,
    }
    this.#timers.add(timer)
    return timer
  }

  clearTimer = (timer: unknown): void => {
    this.#timers.delete(timer as ManualTimer)
  }

  keepAlive = (timer: unknown, isAwaited: boolean): void => {
    ;(timer as ManualTimer).isAwaited = isAwaited
  }

  /** Pending timers that would keep a process alive. */
  get awaitedTimers(): number {
    return [...this.#timers].filter(({ isAwaited }) => isAwaited).length
  }

  /** Timers that have not run yet: 0 after a clean end. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  /**
   * Moves time forward and runs what falls due, each at its own time.
   *
   * @throws when a timer is set again and again for the same moment, which would never end
   */
  advance(ms: number): void {
    const end = this.#now + ms
    let runs = 0
    for (let next = this.#nextUntil(end); next !== undefined; next = this.#nextUntil(end)) {
      runs = next.at > this.#now ? 1 : runs + 1
      if (runs > maxRunsAtOneMoment) throw new Error('A timer is set again and again')
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = end
  }

  /** The process is kept busy: time passes, and timers wait until time is moved forward again. */
  block(ms: number): void {
    this.#now += ms
  }

  /** A process that was stopped: time has passed and every timer that fell due runs late, now. */
  freeze(ms: number): void {
    this.#now += ms
    this.advance(0)
  }

  /** The wall clock alone jumps, as when somebody sets it. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms
  }

  #nextUntil(end: number): ManualTimer | undefined {
    let best: ManualTimer | undefined
    for (const timer of this.#timers) {
      if (timer.at > end) continue
      if (
        best === undefined ||
        timer.at < best.at ||
        (timer.at === best.at && timer.order < best.order)
      )
        best = timer
    }
    return best
  }
}
