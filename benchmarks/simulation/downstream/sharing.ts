import type { Call } from '../call.ts'
import { EventQueue, Moment } from '../event-queue.ts'
import type { AnswerSink } from './downstream.ts'
import { Downstream } from './downstream.ts'

/** Work done per millisecond on each of `n` calls; 1 is full speed. */
export type Speed = (n: number, capacity: number) => number

/** Equal shares of `cores`: nobody is faster than one core. */
export const processorSharing: Speed = (n, cores) => Math.min(1, cores / n)

/** The universal scalability law: contention (sigma) and the cost of agreeing (kappa). */
export function scalabilityLaw(sigma: number, kappa: number): Speed {
  return (n) => 1 / (1 + sigma * (n - 1) + kappa * n * (n - 1))
}

/**
 * All calls inside are worked on at the same speed, which depends on how many they are. Progress is
 * counted in work done per call, so a change of speed moves one event and not one per call.
 */
export class Sharing extends Downstream {
  readonly #speed: Speed
  #capacity: number
  /** Calls by the progress at which they are done; its `now` is the progress. */
  readonly #progress = new EventQueue()
  #progressAt = 0
  readonly #next = new Moment(() => {
    this.#complete()
  })

  constructor(
    queue: EventQueue,
    sink: AnswerSink,
    timeoutMs: number,
    speed: Speed,
    capacity: number,
  ) {
    super(queue, sink, timeoutMs)
    this.#speed = speed
    this.#capacity = capacity
  }

  get running(): number {
    return this.#progress.size
  }

  setCapacity(capacity: number): void {
    this.#advance()
    this.#capacity = capacity
    this.#plan()
  }

  protected accept(call: Call): void {
    this.#advance()
    this.#progress.schedule(call, this.#progress.now + call.demandMs)
    this.#plan()
  }

  protected evict(call: Call): void {
    this.#advance()
    this.#progress.cancel(call)
    this.#plan()
  }

  protected failAll(): void {
    this.#advance()
    for (let next = this.#progress.peek(); next !== undefined; next = this.#progress.peek()) {
      this.#progress.cancel(next)
      this.leave(next as Call, 'failed')
    }
    this.#plan()
  }

  protected pause(): void {
    this.#progressTo(this.#speedWhile('up'))
    this.#plan()
  }

  protected resume(): void {
    this.#progressAt = this.queue.now
    this.#plan()
  }

  #complete(): void {
    const call = this.#progress.peek() as Call
    this.#progressTo(this.#speedWhile(this.mode))
    this.#progress.now = call.at
    this.reached(call)
  }

  #advance(): void {
    this.#progressTo(this.#speedWhile(this.mode))
  }

  #progressTo(speed: number): void {
    const { now } = this.queue
    this.#progress.now += (now - this.#progressAt) * speed
    this.#progressAt = now
  }

  #speedWhile(mode: string): number {
    const n = this.#progress.size
    return mode === 'hung' || n === 0 ? 0 : this.#speed(n, this.#capacity)
  }

  #plan(): void {
    const first = this.#progress.peek()
    const speed = this.#speedWhile(this.mode)
    if (first === undefined || speed === 0) {
      this.queue.cancel(this.#next)
      return
    }
    const dueIn = Math.max(0, first.at - this.#progress.now) / speed
    this.queue.schedule(this.#next, this.queue.now + dueIn)
  }
}
