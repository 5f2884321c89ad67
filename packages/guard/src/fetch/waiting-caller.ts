/**
 * The caller of a fetch. Forgotten once it has its response: a response that somebody still holds is
 * never collected, and the body of one that nobody reads would never be cancelled.
 */
export class WaitingCaller {
  #settle:
    | {
        readonly resolve: (response: Response) => void
        readonly reject: (error: unknown) => void
      }
    | undefined

  constructor(resolve: (response: Response) => void, reject: (error: unknown) => void) {
    this.#settle = { resolve, reject }
  }

  answer(response: Response): void {
    this.#settle?.resolve(response)
    this.#settle = undefined
  }

  /** Nothing, once it has its response: the body tells. */
  fail(error: unknown): void {
    this.#settle?.reject(error)
    this.#settle = undefined
  }
}
