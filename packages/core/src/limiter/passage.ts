import type { Outcome } from '../limit/limit.ts'
import type { Priority } from '../priority.ts'
import type { Permit, Refusal, Waiter } from './admission.ts'
import type { PlaceOwner } from './pauses.ts'
import { Pauses } from './pauses.ts'

/** The limiter, as far as a call is concerned that runs without one of its permits. */
export interface PassageOwner extends PlaceOwner {
  /** It runs no longer, pauses, or has got a permit after all. */
  endPassage(now: number): void
  /** It goes on after a pause. */
  resumePassage(): void
}

/**
 * The permit of a call that runs whatever the limiter thinks of it. While the limiter observes, its
 * shadow may stand in the queue: it takes a real permit when its turn has come, for the rest of the
 * call, and is counted when it is turned away. The call itself notices nothing of that.
 */
export class Passage extends Pauses<PassageOwner> implements Permit, Waiter {
  readonly kind = 'permit'
  readonly priority: Priority
  readonly startedAt: number
  readonly waitedMs: number
  readonly observed: Refusal | undefined
  #shadow: Permit | undefined

  constructor(
    owner: PassageOwner,
    { priority, startedAt, observed }: Pick<Permit, 'priority' | 'startedAt' | 'observed'>,
    waitedMs = 0,
  ) {
    super(owner)
    this.priority = priority
    this.startedAt = startedAt
    this.waitedMs = waitedMs
    this.observed = observed
  }

  /** Waiter. Says nothing about load: the call did not start when its shadow was admitted. */
  admitted(permit: Permit): void {
    const { owner } = this
    if (owner === undefined) {
      permit.release('ignored')
      return
    }
    this.#shadow = permit
    if (this.isPaused) permit.pause()
    else owner.endPassage(owner.now())
  }

  /** Waiter */
  refused(): void {
    // The limiter has counted it.
  }

  release(_outcome?: Outcome): void {
    const { owner } = this
    if (owner === undefined) return
    const now = owner.now()
    const hadPlace = this.end(now)
    if (this.#shadow !== undefined) this.#shadow.release('ignored')
    else if (hadPlace) owner.endPassage(now)
  }

  protected giveBack(owner: PassageOwner, now: number): void {
    if (this.#shadow === undefined) owner.endPassage(now)
    else this.#shadow.pause()
  }

  protected takeAgain(owner: PassageOwner): void {
    if (this.#shadow === undefined) owner.resumePassage()
    else this.#shadow.resume()
  }
}
