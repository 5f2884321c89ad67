import type { Clock, TimerHandle } from '../clock.ts'
import { longestTimerMs, setAwaitedTimer } from '../clock.ts'
import { SpillwayError } from '../errors.ts'
import { leftAtDeadline } from '../evidence/caller-left.ts'

/**
 * How long one caller is willing to wait: until its deadline, or until it hangs up. A call that
 * succeeds at once, and whose work does not read the signal, sets up nothing; everything that was set
 * up is gone after `dispose`.
 */
export class Patience {
  readonly #clock: Clock
  readonly #caller: AbortSignal | undefined
  readonly #endsAt: number
  #controller: AbortController | undefined
  #isWatched = false
  #end: { readonly reason: unknown } | undefined
  #onAbort: (() => void) | undefined
  #timer: TimerHandle
  #wake: (() => void) | undefined
  #wakeTimer: TimerHandle

  /** @param deadlineMs not a number counts as passed */
  constructor(clock: Clock, deadlineMs: number, caller: AbortSignal | undefined) {
    this.#clock = clock
    this.#caller = caller
    this.#endsAt = deadlineMs === Infinity ? Infinity : clock.now() + deadlineMs
  }

  /** Aborts at the deadline, or with the caller's signal. */
  get signal(): AbortSignal {
    this.#watch()
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#end !== undefined) this.#controller.abort(this.#end.reason)
    }
    return this.#controller.signal
  }

  /** Infinity without a deadline, 0 when nobody waits any more. */
  get remainingMs(): number {
    if (this.#end !== undefined || this.#caller?.aborted === true) return 0
    if (this.#endsAt === Infinity) return Infinity
    // The clock, too: a timer may run late, for example after the process was stopped.
    const leftMs = this.#endsAt - this.#clock.now()
    return leftMs > 0 ? leftMs : 0
  }

  /** What the caller is told when it waits no longer; undefined as long as it does. */
  ended(cause: unknown): SpillwayError | undefined {
    if (this.remainingMs > 0) return undefined
    if (this.#caller?.aborted === true && !leftAtDeadline(this.#caller)) {
      return new SpillwayError('SPW_ERR_CANCELLED', { cause })
    }
    return new SpillwayError('SPW_ERR_DEADLINE', { reason: 'deadline', cause })
  }

  /** Resolves after `delayMs`, or when the patience ends, which it has not yet. */
  sleep(delayMs: number): Promise<void> {
    this.#watch()
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#wakeTimer = setAwaitedTimer(this.#clock, resolve, delayMs)
    })
  }

  dispose(): void {
    // Work that reads the signal only now must not set anything up.
    this.#isWatched = true
    this.#clock.clearTimer(this.#timer)
    if (this.#onAbort !== undefined) this.#caller?.removeEventListener('abort', this.#onAbort)
  }

  #watch(): void {
    if (this.#isWatched) return
    this.#isWatched = true
    if (this.#caller !== undefined) this.#listen(this.#caller)
    const leftMs = this.#endsAt - this.#clock.now()
    if (leftMs <= 0) this.#expire()
    else if (leftMs < longestTimerMs) {
      this.#timer = setAwaitedTimer(this.#clock, () => this.#expire(), leftMs)
    }
  }

  #listen(caller: AbortSignal): void {
    this.#onAbort = () => {
      this.#finish(caller.reason)
    }
    if (caller.aborted) this.#onAbort()
    else caller.addEventListener('abort', this.#onAbort)
  }

  #expire(): void {
    this.#finish(new DOMException('The deadline has passed', 'TimeoutError'))
  }

  #finish(reason: unknown): void {
    this.#end ??= { reason }
    this.#clock.clearTimer(this.#wakeTimer)
    this.#controller?.abort(this.#end.reason)
    this.#wake?.()
  }
}
