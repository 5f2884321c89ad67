import type { Pausable } from '@spillway/core'

/**
 * Who has asked a guard: its promise, and the permit under which it runs elsewhere. While it waits for
 * the call it does nothing, so what it holds there is for others to use until it is answered.
 */
export class Caller<T> {
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  readonly #permit: Pausable | undefined
  #isPaused = false

  constructor(
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    permit: Pausable | undefined,
  ) {
    this.#resolve = resolve
    this.#reject = reject
    this.#permit = permit
  }

  pause(): void {
    this.#isPaused = true
    this.#permit?.pause()
  }

  answer(value: T): void {
    this.#resume()
    this.#resolve(value)
  }

  fail(error: unknown): void {
    this.#resume()
    this.#reject(error)
  }

  /** Once, before the caller goes on. */
  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#permit?.resume()
  }
}
