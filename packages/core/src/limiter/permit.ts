import type { Outcome, Sample } from '../limit/limit.ts'
import { oneOf } from '../options.ts'
import type { Priority } from '../priority.ts'
import type { Permit } from './admission.ts'
import type { PlaceOwner } from './pauses.ts'
import { Pauses } from './pauses.ts'

/** Takes permits back; the limiter, without the rest of its surface. */
export interface PermitOwner extends PlaceOwner {
  /** It pauses: its place is free. */
  vacate(now: number): void
  /** It goes on, whether or not there is a place. */
  occupy(): void
  /** It has ended. */
  settle(permit: IssuedPermit, now: number, hadPlace: boolean): void
}

const outcomes: readonly Outcome[] = ['success', 'dropped', 'ignored']

/**
 * A permit and, once released, the sample of its call: one object serves both, so that an admitted
 * call costs a single allocation.
 */
export class IssuedPermit extends Pauses<PermitOwner> implements Permit, Sample {
  readonly kind = 'permit'
  readonly priority: Priority
  readonly workload: string | undefined
  readonly patienceMs: number
  readonly startedAt: number
  readonly waitedMs: number
  readonly inFlight: number
  outcome: Outcome = 'success'

  constructor(
    owner: PermitOwner,
    priority: Priority,
    workload: string | undefined,
    patienceMs: number,
    startedAt: number,
    waitedMs: number,
    inFlight: number,
  ) {
    super(owner)
    this.priority = priority
    this.workload = workload
    this.patienceMs = patienceMs
    this.startedAt = startedAt
    this.waitedMs = waitedMs
    this.inFlight = inFlight
  }

  release(outcome: Outcome = 'success'): void {
    const { owner } = this
    if (owner === undefined) return
    const now = owner.now()
    const hadPlace = this.end(now)
    const isKnown = outcomes.includes(outcome)
    this.outcome = isKnown ? outcome : 'ignored'
    owner.settle(this, now, hadPlace)
    // Only now: an error that left the permit taken would do more harm than a wrong word.
    if (!isKnown) oneOf('outcome', outcome, outcomes)
  }

  protected giveBack(owner: PermitOwner, now: number): void {
    owner.vacate(now)
  }

  protected takeAgain(owner: PermitOwner): void {
    owner.occupy()
  }
}
