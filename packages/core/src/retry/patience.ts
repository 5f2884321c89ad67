import type { Clock, TimerHandle } from '../clock.ts'
import { SpillwayError } from '../errors.ts'

/**
 * How long one caller is willing to wait: until its deadline, or until it hangs up. Everything that
 * is set up for it is gone after `dispose`.
 */
export class Patience {
  readonly #clock: Clock
  readonly #caller: AbortSignal | undefined
  readonly #endsAt: number
  readonly #controller = new AbortController()
  readonly #timer: TimerHandle
  #wake: (() => void) | undefined
  #wakeTimer: TimerHandle

  constructor(clock: Clock, deadlineMs: number | undefined, caller: AbortSignal | undefined) {
    this.#clock = clock
    this.#caller = caller
    this.#endsAt = deadlineMs === undefined ? Infinity : clock.now() + deadlineMs
    if (deadlineMs !== undefined) this.#timer = clock.setTimer(this.#onDeadline, deadlineMs)
    if (caller?.aborted === true) this.#onAbort()
    else caller?.addEventListener('abort', this.#onAbort)
  }

  /** Aborts at the deadline, or with the caller's signal. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get remainingMs(): number {
    return this.#endsAt - this.#clock.now()
  }

  /** What the caller is told when it waits no longer; undefined as long as it does. */
  ended(cause: unknown): SpillwayError | undefined {
    if (this.#caller?.aborted === true) return new SpillwayError('SPW_ERR_CANCELLED', { cause })
    // Not the signal: a timer may run late, for example after the process was stopped.
    if (this.remainingMs > 0) return undefined
    return new SpillwayError('SPW_ERR_DEADLINE', { reason: 'deadline', cause })
  }

  /** Resolves after `delayMs`, or when the patience ends, which it has not yet. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#wakeTimer = this.#clock.setTimer(resolve, delayMs)
    })
  }

  dispose(): void {
    this.#clock.clearTimer(this.#timer)
    this.#caller?.removeEventListener('abort', this.#onAbort)
  }

  readonly #onDeadline = (): void => {
    this.#end(new DOMException('The deadline has passed', 'TimeoutError'))
  }

  readonly #onAbort = (): void => {
    this.#end(this.#caller?.reason)
  }

  #end(reason: unknown): void {
    this.#clock.clearTimer(this.#wakeTimer)
    this.#controller.abort(reason)
    this.#wake?.()
  }
}
