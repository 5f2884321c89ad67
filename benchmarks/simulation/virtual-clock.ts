import type { Clock } from '@spillway/core'
import type { EventQueue } from './event-queue.ts'
import { SimEvent } from './event-queue.ts'

/** A process that may be stopped: events that would reach it then reach it late, in their order. */
export interface Process {
  readonly stalledUntil: number
}

const epochMs = 1_700_000_000_000

/**
 * The clock of one simulated process: its own monotonic origin and a wall clock that may be wrong,
 * jump, or run too fast.
 */
export class VirtualClock implements Clock {
  readonly #queue: EventQueue
  readonly #process: Process
  readonly #originMs: number
  #wallOffsetMs: number
  #wallRate = 1
  #wallRateSince = 0

  constructor(queue: EventQueue, process: Process, originMs: number, wallOffsetMs: number) {
    this.#queue = queue
    this.#process = process
    this.#originMs = originMs
    this.#wallOffsetMs = wallOffsetMs
  }

  now(): number {
    return this.#queue.now + this.#originMs
  }

  wallNow(): number {
    const { now } = this.#queue
    const slewed = (now - this.#wallRateSince) * (this.#wallRate - 1)
    return epochMs + now + this.#wallOffsetMs + slewed
  }

  setTimer(callback: () => void, delayMs: number): TimerEvent {
    const timer = new TimerEvent(this.#queue, this.#process, callback)
    this.#queue.schedule(timer, this.#queue.now + Math.max(0, delayMs))
    return timer
  }

  clearTimer(timer: unknown): void {
    this.#queue.cancel(timer as TimerEvent)
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  /** From now on the wall clock runs at this rate, as while NTP slews it. */
  slewWall(rate: number): void {
    const { now } = this.#queue
    this.#wallOffsetMs += (now - this.#wallRateSince) * (this.#wallRate - 1)
    this.#wallRate = rate
    this.#wallRateSince = now
  }
}

class TimerEvent extends SimEvent {
  readonly #queue: EventQueue
  readonly #process: Process
  readonly #callback: () => void

  constructor(queue: EventQueue, process: Process, callback: () => void) {
    super()
    this.#queue = queue
    this.#process = process
    this.#callback = callback
  }

  fire(): void {
    const { stalledUntil } = this.#process
    if (stalledUntil > this.#queue.now) this.#queue.schedule(this, stalledUntil)
    else this.#callback()
  }
}
