import type { Limit, LimitFactory } from '../limit/limit.ts'
import { LeastCost } from './least-cost.ts'

const mostCalls = 1000
/** No slice is longer than so many usual ones: the important must not wait for it for long. */
const mostSlices = 10
const leastMs = 0.01

/**
 * How many requests are run in one slice of time, by what they took in the slice before. Closed between
 * slices, when nobody is run and everybody waits.
 */
export class SliceLimit implements Limit {
  readonly algorithm = 'slice'
  readonly factory: LimitFactory = () => this
  readonly #sliceMs: number
  readonly #cost = new LeastCost()
  /** Of the slice before: what a request took, and how many were run. */
  #eachMs: number
  #ran = 0.5
  /** How long the present slice is to be; 0 between slices. */
  #openMs = 0

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs
    this.#eachMs = sliceMs
  }

  get current(): number {
    return this.#fitting(this.#sliceMs)
  }

  get reason(): string {
    return this.#openMs > 0 ? 'running' : 'reading'
  }

  /** Not by Little's law: how long a slice took, and how many were in it, depends on how many came. */
  get permitIntervalMs(): number {
    return this.#cost.ms
  }

  at(): number {
    return this.#openMs > 0 ? this.#fitting(this.#openMs) : 0
  }

  /**
   * A slice begins, after so long a time of reading: it is as long, or clients that ask again as soon as
   * they are refused would have the process do nothing but refuse.
   */
  open(readMs: number): void {
    this.#openMs = Math.min(mostSlices * this.#sliceMs, Math.max(this.#sliceMs, readMs))
  }

  close(): void {
    this.#openMs = 0
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
    this.#eachMs = Math.max(tookMs, leastMs) / ran
    this.#ran = ran
  }

  /** Twice as many as before at the most: what is run next may take longer. */
  #fitting(ms: number): number {
    const fitting = Math.round(ms / this.#eachMs)
    return Math.max(1, Math.min(fitting, 2 * this.#ran, mostCalls))
  }
}
