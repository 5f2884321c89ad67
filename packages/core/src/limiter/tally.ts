import type { Outcome } from '../limit/limit.ts'
import { priorities } from '../priority.ts'
import type { Priority } from '../priority.ts'
import type { RefusalReason } from './admission.ts'
import { refusalReasons } from './admission.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Counts since the limiter was made. Plain integers: whoever wants metrics reads them. */
export class Tally {
  readonly admitted: Record<Priority, number> = perPriority(() => 0)
  readonly refused: Record<Priority, Mutable<Record<RefusalReason, number>>> = perPriority(
    () => Object.fromEntries(refusalReasons.map((reason) => [reason, 0])) as never,
  )
  readonly released: Record<Outcome, number> = { success: 0, dropped: 0, ignored: 0 }

  /** A copy nobody else writes to. */
  snapshot(): Pick<Tally, 'admitted' | 'refused' | 'released'> {
    return {
      admitted: { ...this.admitted },
      refused: perPriority((priority) => ({ ...this.refused[priority] })),
      released: { ...this.released },
    }
  }
}

function perPriority<T>(make: (priority: Priority) => T): Record<Priority, T> {
  return Object.fromEntries(priorities.map((priority) => [priority, make(priority)])) as never
}
