import type { Outcome } from '../limit/limit.ts'
import { perPriority } from '../priority.ts'
import type { Priority } from '../priority.ts'
import type { RefusalReason } from './admission.ts'
import { refusalReasons } from './admission.ts'

type MutableRefusalCounts = Record<Priority, Record<RefusalReason, number>>

/** Counts since the limiter was made. Plain integers: whoever wants metrics reads them. */
export class Tally {
  readonly admitted: Record<Priority, number> = perPriority(() => 0)
  readonly refused: MutableRefusalCounts = perPriority(noRefusals)
  /** Of calls that ran all the same. */
  readonly wouldHaveRefused: MutableRefusalCounts = perPriority(noRefusals)
  readonly released: Record<Outcome, number> = { success: 0, dropped: 0, ignored: 0 }

  /** A copy nobody else writes to. */
  snapshot(): Pick<Tally, 'admitted' | 'refused' | 'wouldHaveRefused' | 'released'> {
    return {
      admitted: { ...this.admitted },
      refused: perPriority((priority) => ({ ...this.refused[priority] })),
      wouldHaveRefused: perPriority((priority) => ({ ...this.wouldHaveRefused[priority] })),
      released: { ...this.released },
    }
  }
}

function noRefusals(): Record<RefusalReason, number> {
  return Object.fromEntries(refusalReasons.map((reason) => [reason, 0])) as never
}
