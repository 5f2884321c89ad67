import type { Dispatcher } from 'undici'

type Controller = Dispatcher.DispatchController

/**
 * The one controller that the caller's handler gets, whatever attempt is under way: each attempt has
 * one of its own, and the caller's back-pressure and abort must reach the present one.
 */
export class StableController implements Controller {
  readonly #onAbort: (reason: Error) => void
  #target: Controller | undefined
  #isPaused = false
  #end: { readonly reason: Error } | undefined

  constructor(onAbort: (reason: Error) => void) {
    this.#onAbort = onAbort
  }

  /** Undefined between two attempts. */
  get target(): Controller | undefined {
    return this.#target
  }

  set target(target: Controller | undefined) {
    this.#target = target
    if (this.#isPaused) target?.pause()
  }

  get aborted(): boolean {
    return this.#end !== undefined || (this.#target?.aborted ?? false)
  }

  get reason(): Error | null {
    return this.#end?.reason ?? this.#target?.reason ?? null
  }

  get paused(): boolean {
    return this.#isPaused
  }

  get rawHeaders(): NonNullable<Controller['rawHeaders']> | null {
    return this.#target?.rawHeaders ?? null
  }

  set rawHeaders(headers: NonNullable<Controller['rawHeaders']> | null) {
    if (this.#target !== undefined) this.#target.rawHeaders = headers
  }

  get rawTrailers(): NonNullable<Controller['rawTrailers']> | null {
    return this.#target?.rawTrailers ?? null
  }

  set rawTrailers(trailers: NonNullable<Controller['rawTrailers']> | null) {
    if (this.#target !== undefined) this.#target.rawTrailers = trailers
  }

  pause(): void {
    this.#isPaused = true
    this.#target?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#target?.resume()
  }

  abort(reason: Error): void {
    if (this.#end !== undefined) return
    this.#end = { reason }
    this.#onAbort(reason)
  }
}
