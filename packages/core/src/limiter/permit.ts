import type { Outcome, Sample } from '../limit/limit.ts'
import type { Priority } from '../priority.ts'
import type { Permit } from './admission.ts'

/** Takes permits back; the limiter, without the rest of its surface. */
export interface PermitOwner {
  settle(permit: IssuedPermit): void
}

/**
 * A permit and, once released, the sample of its call: one object serves both, so that an admitted
 * call costs a single allocation.
 */
export class IssuedPermit implements Permit, Sample {
  readonly kind = 'permit'
  readonly priority: Priority
  readonly workload: string | undefined
  readonly patienceMs: number
  readonly startedAt: number
  readonly waitedMs: number
  readonly inFlight: number
  outcome: Outcome = 'success'
  durationMs = 0
  #owner: PermitOwner | undefined

  constructor(
    owner: PermitOwner,
    priority: Priority,
    workload: string | undefined,
    patienceMs: number,
    startedAt: number,
    waitedMs: number,
    inFlight: number,
  ) {
    this.#owner = owner
    this.priority = priority
    this.workload = workload
    this.patienceMs = patienceMs
    this.startedAt = startedAt
    this.waitedMs = waitedMs
    this.inFlight = inFlight
  }

  release(outcome: Outcome = 'success'): void {
    const owner = this.#owner
    if (owner === undefined) return
    this.#owner = undefined
    this.outcome = outcome
    owner.settle(this)
  }
}
