import type { Answer, Call, CallStage } from '../call.ts'
import type { EventQueue } from '../event-queue.ts'
import { SimEvent } from '../event-queue.ts'
import { Fifo } from '../fifo.ts'
import type { DownstreamMode } from '../world-spec.ts'

/** Who gets the answers. */
export interface AnswerSink {
  answered(call: Call): void
}

/** How long it takes to say that it is down. */
const failureMs = 1

/** What all downstreams share: counting, timing out, being down. */
export abstract class Downstream implements CallStage {
  /** Calls inside, running or waiting. */
  inside = 0
  protected mode: DownstreamMode = 'up'
  protected readonly queue: EventQueue
  readonly #sink: AnswerSink
  readonly #timeouts: Timeouts

  constructor(queue: EventQueue, sink: AnswerSink, timeoutMs: number) {
    this.queue = queue
    this.#sink = sink
    this.#timeouts = new Timeouts(queue, timeoutMs, (call) => {
      this.cancel(call)
    })
  }

  submit(call: Call): void {
    call.submittedAt = this.queue.now
    call.inside = true
    call.stage = this
    this.inside += 1
    if (this.mode === 'down') {
      call.answer = 'failed'
      this.queue.schedule(call, this.queue.now + failureMs)
      return
    }
    this.#timeouts.watch(call)
    this.accept(call)
  }

  /** CallStage: the work of a call is done. */
  reached(call: Call): void {
    if (call.answer === 'ok') this.evict(call)
    this.leave(call, call.answer)
  }

  /** Stops a call, running or waiting; nothing if it has left already. */
  cancel(call: Call): void {
    if (!call.inside) return
    this.evict(call)
    this.leave(call, 'timeout')
  }

  setMode(mode: DownstreamMode): void {
    if (mode === this.mode) return
    const before = this.mode
    this.mode = mode
    if (mode === 'down') this.failAll()
    if (mode === 'hung') this.pause()
    if (mode === 'up' && before === 'hung') this.resume()
  }

  abstract setCapacity(capacity: number): void
  /** Calls that are being worked on. */
  abstract get running(): number
  protected abstract accept(call: Call): void
  /** Takes a call out, wherever it is. */
  protected abstract evict(call: Call): void
  protected abstract failAll(): void
  protected abstract pause(): void
  protected abstract resume(): void

  protected leave(call: Call, answer: Answer): void {
    call.answer = answer
    call.inside = false
    this.inside -= 1
    this.#sink.answered(call)
  }
}

/** Every call has the same patience, so the first to come is the first to time out. */
class Timeouts extends SimEvent {
  readonly #queue: EventQueue
  readonly #timeoutMs: number
  readonly #expire: (call: Call) => void
  readonly #calls = new Fifo<Call>()

  constructor(queue: EventQueue, timeoutMs: number, expire: (call: Call) => void) {
    super()
    this.#queue = queue
    this.#timeoutMs = timeoutMs
    this.#expire = expire
  }

  watch(call: Call): void {
    this.#calls.push(call)
    if (this.slot < 0) this.#queue.schedule(this, this.#queue.now + this.#timeoutMs)
  }

  fire(): void {
    const { now } = this.#queue
    for (let call = this.#calls.peek(); call !== undefined; call = this.#calls.peek()) {
      if (call.inside && call.submittedAt + this.#timeoutMs > now) break
      this.#calls.shift()
      if (call.inside) this.#expire(call)
    }
    const next = this.#calls.peek()
    if (next !== undefined) this.#queue.schedule(this, next.submittedAt + this.#timeoutMs)
  }
}
