import type { QueueEntry } from './queue-entry.ts'

/** Whether the calls of a lane are answered in time, first come first served. */
type State =
  | { readonly kind: 'in time' }
  /** A call waited in vain as long as its deadline let it. Perhaps something has blocked everybody. */
  | { readonly kind: 'suspect'; readonly patienceMs: number }
  /** And those behind it are late as well. */
  | { readonly kind: 'overloaded'; readonly patienceMs: number; readonly until: number }

/**
 * For how many deadlines the newest go first, until it is tried whether everybody can be served again;
 * twice as many, up to the most, each time that it could not.
 */
const firstDeadlines = 1.5
const mostDeadlines = 6
/** Deadlines that are said to be alike differ by the way that a call has behind it. */
const alike = 1.25
/** Part of its wait after which a call is late, if the one before it was. */
const lateRatio = 0.5

/**
 * Tells overload from a lane that is merely never empty: two hundred clients that ask again as soon as
 * they are answered keep one in it for ever, and all are answered in time. What tells is whether a
 * call's deadline has been lost by waiting, and that of the calls behind it is being lost as well; the
 * idea of CoDel (Nichols and Jacobson, ACM Queue 2012), whose measure is the time in the queue, too.
 * Calls that are more patient are not concerned. A lane that has been empty begins anew.
 */
export class LaneOverload {
  #state: State = { kind: 'in time' }
  /** How long the newest went first the last time, in deadlines, and until when. */
  #deadlines = 0
  #until = -Infinity

  isOverloaded(patienceMs: number, now: number): boolean {
    const state = this.#state
    return (
      state.kind === 'overloaded' && now < state.until && patienceMs <= alike * state.patienceMs
    )
  }

  /** A call has waited as long as it may. */
  hasExpired({ mayWaitWhole, patienceMs }: QueueEntry, now: number): void {
    if (!mayWaitWhole || this.isOverloaded(patienceMs, now)) return
    const known = this.#state.kind === 'suspect' ? this.#state.patienceMs : 0
    this.#state = { kind: 'suspect', patienceMs: Math.max(known, patienceMs) }
  }

  /** The oldest of those who still wait tells whether the calls behind the late ones are late. */
  judge(oldest: QueueEntry, now: number): void {
    const state = this.#state
    if (state.kind !== 'suspect') return
    this.#state = isLate(oldest, now)
      ? this.#overloaded(state.patienceMs, now)
      : { kind: 'in time' }
  }

  #overloaded(patienceMs: number, now: number): State {
    const hasRelapsed = now - this.#until < this.#deadlines * patienceMs
    this.#deadlines = hasRelapsed ? Math.min(mostDeadlines, 2 * this.#deadlines) : firstDeadlines
    this.#until = now + this.#deadlines * patienceMs
    return { kind: 'overloaded', patienceMs, until: this.#until }
  }
}

function isLate({ mayWaitWhole, enqueuedAt, expiresAt }: QueueEntry, now: number): boolean {
  return mayWaitWhole && now - enqueuedAt > lateRatio * (expiresAt - enqueuedAt)
}
