import type { Call } from '../call.ts'
import type { EventQueue } from '../event-queue.ts'
import { Fifo } from '../fifo.ts'
import type { AnswerSink } from './downstream.ts'
import { Downstream } from './downstream.ts'

/** A pool of connections; who finds none free waits its turn: M/G/c. */
export class Pool extends Downstream {
  #connections: number
  readonly #maxWaiting: number
  readonly #running: Call[] = []
  /** May contain calls that have left already. */
  readonly #waiting = new Fifo<Call>()
  #waitingCount = 0

  constructor(
    queue: EventQueue,
    sink: AnswerSink,
    timeoutMs: number,
    connections: number,
    maxWaiting: number,
  ) {
    super(queue, sink, timeoutMs)
    this.#connections = connections
    this.#maxWaiting = maxWaiting
  }

  get running(): number {
    return this.#running.length
  }

  setCapacity(capacity: number): void {
    this.#connections = capacity
    this.#startWaiting()
  }

  protected accept(call: Call): void {
    if (this.#running.length < this.#connections) {
      this.#start(call)
      return
    }
    if (this.#waitingCount >= this.#maxWaiting) {
      this.leave(call, 'refused')
      return
    }
    this.#waitingCount += 1
    this.#waiting.push(call)
  }

  protected evict(call: Call): void {
    if (call.runningSlot < 0) {
      this.#waitingCount -= 1
      call.inside = false
      return
    }
    this.queue.cancel(call)
    this.#stop(call)
    this.#startWaiting()
  }

  protected failAll(): void {
    for (let call = this.#running.at(-1); call !== undefined; call = this.#running.at(-1)) {
      this.queue.cancel(call)
      this.#stop(call)
      this.leave(call, 'failed')
    }
    for (let call = this.#nextWaiting(); call !== undefined; call = this.#nextWaiting()) {
      this.leave(call, 'failed')
    }
  }

  protected pause(): void {
    for (const call of this.#running) {
      call.remainingMs = call.at - this.queue.now
      this.queue.cancel(call)
    }
  }

  protected resume(): void {
    for (const call of this.#running) {
      this.queue.schedule(call, this.queue.now + call.remainingMs)
    }
  }

  #start(call: Call): void {
    call.runningSlot = this.#running.length
    this.#running.push(call)
    if (this.mode === 'hung') call.remainingMs = call.demandMs
    else this.queue.schedule(call, this.queue.now + call.demandMs)
  }

  #stop(call: Call): void {
    const last = this.#running.pop()!
    if (last !== call) {
      this.#running[call.runningSlot] = last
      last.runningSlot = call.runningSlot
    }
    call.runningSlot = -1
  }

  #startWaiting(): void {
    while (this.#running.length < this.#connections) {
      const call = this.#nextWaiting()
      if (call === undefined) return
      this.#start(call)
    }
  }

  #nextWaiting(): Call | undefined {
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      if (!call.inside) continue
      this.#waitingCount -= 1
      return call
    }
    return undefined
  }
}
