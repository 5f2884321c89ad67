import type { Limit, LimitFactory } from '../limit/limit.ts'
import { LeastCost } from './least-cost.ts'

const mostCalls = 1000

/**
 * How many requests are run in one slice of time, by what they took in the slices before. Closed between
 * slices, when nobody is run and everybody waits.
 */
export class SliceLimit implements Limit {
  readonly algorithm = 'slice'
  readonly factory: LimitFactory = () => this
  readonly #sliceMs: number
  readonly #cost = new LeastCost()
  #calls = 1
  isOpen = false

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs
  }

  get current(): number {
    return this.#calls
  }

  get reason(): string {
    return this.isOpen ? 'running' : 'reading'
  }

  /** Not by Little's law: how long a slice took, and how many were in it, depends on how many came. */
  get permitIntervalMs(): number {
    return this.#cost.ms
  }

  at(): number {
    return this.isOpen ? this.#calls : 0
  }

  onSample(): void {
    // A slice is measured as a whole: what its requests took one by one is not known.
  }

  /** So many requests were run one after the other, in so long. */
  observe(ran: number, tookMs: number): void {
    this.#cost.learn(ran, tookMs)
  }

  /** A slice in which so many were run took so long. */
  learn(ran: number, tookMs: number): void {
    if (ran === 0) return
    this.observe(ran, tookMs)
    const fitting = Math.round((ran * this.#sliceMs) / Math.max(tookMs, 0.01))
    // Twice as many at the most: what is run next may take longer.
    this.#calls = Math.max(1, Math.min(fitting, 2 * ran, mostCalls))
  }
}
