import type { Priority, Waiting } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { RunQueue } from '../../src/pressure/run-queue.ts'
import { FakeProcess } from './fake-process.ts'

/** A request of a client. */
export interface VirtualRequest {
  /** When it is sent, in milliseconds. */
  readonly at: number
  /** For how long its handler keeps the processor. */
  readonly workMs: number
  readonly priority?: Priority
  /** What its client says of its patience. */
  readonly deadlineMs?: number
}

export type Outcome = 'answered' | 'late' | 'refused'

export interface VirtualAnswer {
  readonly request: VirtualRequest
  readonly outcome: Outcome
  readonly at: number
}

export interface VirtualServiceOptions {
  /** Without the queue, every request is run as soon as it has been read. */
  readonly kind: 'bare' | 'shed'
  /** Patience of those who say nothing of it. */
  readonly patienceMs: number
  /** What a client does when it has its answer: its next request, or nothing. */
  readonly next?: (answer: VirtualAnswer) => VirtualRequest | undefined
}

/** Processor time of what is not the handler: to read a request, and to word a refusal. */
const readMs = 0.03
const refuseMs = 0.1
const turnMs = 0.02

interface Pending {
  readonly request: VirtualRequest
  place?: Waiting | undefined
  isOver: boolean
}

/**
 * A process with one thread, its event loop, and clients that give up, in virtual time: each turn the
 * loop runs timers, reads whatever has come by then, and tells whoever wants to know that it has.
 */
export class VirtualService {
  readonly clock = new ManualClock()
  readonly answers: VirtualAnswer[] = []
  readonly queue: RunQueue
  readonly #process = new FakeProcess()
  readonly #options: VirtualServiceOptions
  #sent: Pending[] = []

  constructor(options: VirtualServiceOptions) {
    this.#options = options
    const mode = options.kind === 'shed' ? 'enforce' : 'off'
    this.queue = new RunQueue({ name: 'process', mode, clock: this.clock, process: this.#process })
  }

  /** Plays the requests, and those that follow from them, until `untilMs` and to the end. */
  play(requests: readonly VirtualRequest[]): this {
    this.#sent = requests.map((request) => ({ request, isOver: false }))
    this.#sent.sort((a, b) => a.request.at - b.request.at)
    for (let wantsTurn = false; wantsTurn || this.#sent.length > 0;) {
      if (!wantsTurn) this.#sleepUntil(this.#sent[0]!.request.at)
      this.clock.advance(turnMs)
      this.#read()
      wantsTurn = this.#process.polled()
    }
    return this
  }

  count(outcome: Outcome, of: (request: VirtualRequest) => boolean = () => true): number {
    return this.answers.filter((one) => one.outcome === outcome && of(one.request)).length
  }

  #sleepUntil(at: number): void {
    this.clock.advance(Math.max(0, at - this.clock.now()))
  }

  #read(): void {
    const now = this.clock.now()
    const later = this.#sent.findIndex(({ request }) => request.at > now)
    for (const one of this.#sent.splice(0, later === -1 ? this.#sent.length : later)) {
      this.#handle(one)
    }
  }

  #handle(one: Pending): void {
    const { priority = 'default', deadlineMs } = one.request
    this.clock.block(readMs)
    const run = (): void => {
      one.place = undefined
      this.clock.block(one.request.workMs)
      this.#answer(one, this.clock.now() <= this.#givesUpAt(one) ? 'answered' : 'late')
    }
    const refused = ({ reason }: { reason: string }): void => {
      one.place = undefined
      if (reason === 'cancelled') return
      this.clock.block(refuseMs)
      this.#answer(one, 'refused')
    }
    if (this.queue.mayRun(this.clock.now())) {
      run()
      return
    }
    const answer = this.queue.enter({ priority, deadlineMs }, { run, refused })
    if (answer?.kind === 'refusal') refused(answer)
    if (answer?.kind !== 'waiting') return
    one.place = answer
    this.clock.setTimer(
      () => {
        this.#hangUp(one)
      },
      this.#givesUpAt(one) - this.clock.now(),
    )
  }

  #givesUpAt({ request }: Pending): number {
    return request.at + Math.min(this.#options.patienceMs, request.deadlineMs ?? Infinity)
  }

  #hangUp(one: Pending): void {
    if (one.place === undefined) return
    one.place.cancel()
    this.#answer(one, 'late')
  }

  #answer(one: Pending, outcome: Outcome): void {
    if (one.isOver) return
    one.isOver = true
    const answer = { request: one.request, outcome, at: this.clock.now() }
    this.answers.push(answer)
    const next = this.#options.next?.(answer)
    if (next === undefined) return
    const place = this.#sent.findIndex(({ request }) => request.at > next.at)
    this.#sent.splice(place === -1 ? this.#sent.length : place, 0, { request: next, isOver: false })
  }
}
