import { knownCallOptions } from '../check-call.ts'
import type { AcquireOptions, Permit, Refusal, Waiter } from './admission.ts'
import { refusalError } from './admission.ts'
import type { Limiter } from './limiter.ts'

/**
 * A waiter that becomes a promise only if there is something to wait for, so that a call that is
 * admitted at once costs none. Safe because a waiter is never called before `admit` has returned.
 */
export class PermitPromise implements Waiter {
  #resolve: ((permit: Permit) => void) | undefined
  #reject: ((error: Error) => void) | undefined

  promise(): Promise<Permit> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  admitted(permit: Permit): void {
    this.#resolve?.(permit)
  }

  refused(refusal: Refusal): void {
    this.#reject?.(refusalError(refusal))
  }
}

/** The permit, or the promise of it. @throws SpillwayError when the call is refused at once */
export function permitOf(
  limiter: Pick<Limiter, 'admit'>,
  options: AcquireOptions = {},
): Permit | Promise<Permit> {
  const waiter = new PermitPromise()
  const admission = limiter.admit(knownCallOptions(options), waiter)
  if (admission.kind === 'permit') return admission
  if (admission.kind === 'refusal') throw refusalError(admission)
  return waiter.promise()
}
