import type { Refusal } from '../limiter/admission.ts'

/** A request that waits for the processor. Exactly one of the two is called, once. */
export interface Runnable {
  /** Its turn has come. */
  run(): void
  refused(refusal: Refusal): void
}
