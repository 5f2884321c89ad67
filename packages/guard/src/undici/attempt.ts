import type { Dispatcher } from 'undici'
import { errors } from 'undici'

type Handler = Dispatcher.DispatchHandler
type Controller = Dispatcher.DispatchController

/** The request that an attempt belongs to. */
export interface AttemptOwner {
  /** `isAnew`: not for the first time, but again within the attempt: a redirection, for example. */
  started(controller: Controller, context: unknown, isAnew: boolean): void
  /** Bytes of the body that have been sent by this attempt. */
  bodySent(chunk: Buffer, sentBefore: number): void
  requestSent(): void
  upgraded(...answer: Answer<'onRequestUpgrade'>): void
  answered(...answer: Answer<'onResponseStart'>): void
  data(chunk: Buffer): void
  ended(...end: Answer<'onResponseEnd'>): void
  failed(error: Error): void
}

/** What a callback is told after the controller, which is each attempt's own. */
type Answer<K extends keyof Handler> =
  Parameters<NonNullable<Handler[K]>> extends [Controller, ...infer Rest] ? Rest : never

/** Tells the request what happens, until it is discarded: an answer that is not handed out. */
export class Attempt implements Handler {
  readonly #owner: AttemptOwner
  #controller: Controller | undefined
  #isDiscarded = false
  #sentBytes = 0

  constructor(owner: AttemptOwner) {
    this.#owner = owner
  }

  /** From now on nothing of it is of interest. */
  discard(): void {
    this.#isDiscarded = true
  }

  /** Ends what is still coming. */
  abort(reason: Error): void {
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: Controller, context: unknown): void {
    const isAnew = this.#controller !== undefined
    this.#controller = controller
    // The caller left while it was waiting for a connection.
    if (this.#isDiscarded) controller.abort(new errors.RequestAbortedError())
    else this.#owner.started(controller, context, isAnew)
  }

  onBodySent(chunk: Buffer): void {
    if (!this.#isDiscarded) this.#owner.bodySent(chunk, this.#sentBytes)
    this.#sentBytes += chunk.length
  }

  onRequestSent(): void {
    if (!this.#isDiscarded) this.#owner.requestSent()
  }

  onRequestUpgrade(_controller: Controller, ...answer: Answer<'onRequestUpgrade'>): void {
    this.#owner.upgraded(...answer)
  }

  onResponseStart(_controller: Controller, ...answer: Answer<'onResponseStart'>): void {
    if (!this.#isDiscarded) this.#owner.answered(...answer)
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (!this.#isDiscarded) this.#owner.data(chunk)
  }

  onResponseEnd(_controller: Controller, ...end: Answer<'onResponseEnd'>): void {
    if (!this.#isDiscarded) this.#owner.ended(...end)
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (!this.#isDiscarded) this.#owner.failed(error)
  }
}
