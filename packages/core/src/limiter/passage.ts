import type { Outcome } from '../limit/limit.ts'
import type { Priority } from '../priority.ts'
import type { Permit, Refusal, Waiter } from './admission.ts'

/** The limiter, as far as a call is concerned that runs without one of its permits. */
export interface PassageOwner {
  /** It runs no longer, or has got a permit after all. Returns the present time. */
  endPassage(): number
}

/**
 * The permit of a call that runs whatever the limiter thinks of it. While the limiter observes, its
 * shadow may stand in the queue: it takes a real permit when its turn has come, for the rest of the
 * call, and is counted when it is turned away. The call itself notices nothing of that.
 */
export class Passage implements Permit, Waiter {
  readonly kind = 'permit'
  readonly priority: Priority
  readonly startedAt: number
  readonly waitedMs: number
  readonly observed: Refusal | undefined
  durationMs = 0
  readonly #owner: PassageOwner
  #shadow: Permit | undefined
  #isOver = false

  constructor(
    owner: PassageOwner,
    { priority, startedAt, observed }: Pick<Permit, 'priority' | 'startedAt' | 'observed'>,
    waitedMs = 0,
  ) {
    this.#owner = owner
    this.priority = priority
    this.startedAt = startedAt
    this.waitedMs = waitedMs
    this.observed = observed
  }

  /** Waiter. Says nothing about load: the call did not start when its shadow was admitted. */
  admitted(permit: Permit): void {
    if (this.#isOver) {
      permit.release('ignored')
      return
    }
    this.#owner.endPassage()
    this.#shadow = permit
  }

  /** Waiter */
  refused(): void {
    // The limiter has counted it.
  }

  release(_outcome?: Outcome): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#shadow === undefined) {
      this.durationMs = this.#owner.endPassage() - this.startedAt
      return
    }
    this.#shadow.release('ignored')
    this.durationMs = this.#shadow.startedAt + this.#shadow.durationMs - this.startedAt
  }
}
