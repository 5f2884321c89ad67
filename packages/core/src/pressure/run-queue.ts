import type { Clock } from '../clock.ts'
import type { AcquireOptions, Permit, Refusal, Waiter, Waiting } from '../limiter/admission.ts'
import { createLimiter } from '../limiter/create-limiter.ts'
import type { Limiter, LimiterStats } from '../limiter/limiter.ts'
import type { Mode } from '../mode.ts'
import type { ProcessFacts } from './process-facts.ts'
import { SliceLimit } from './slice-limit.ts'

/** A request that waits for the processor. Exactly one of the two is called, once. */
export interface Runnable {
  /** Its turn has come. */
  run(): void
  refused(refusal: Refusal): void
}

export interface RunQueueOptions {
  readonly name: string
  readonly mode: Mode
  readonly clock: Clock
  readonly process: Pick<ProcessFacts, 'afterPoll'>
}

/**
 * How long requests are run before the event loop is let look for new ones, in milliseconds. Short
 * against what a client notices, long against a turn of the loop.
 */
const sliceMs = 10
/** Turns in which nobody came, after which all have: a new connection is read one turn late. */
const quietTurns = 2

/**
 * Who runs next on a processor that can do one thing at a time: the event loop.
 *
 * Left to itself, Node runs the handler of each request as soon as it has been read, in the order of
 * arrival, and looks for no other meanwhile; of new connections it accepts one a turn. Handlers that
 * keep the processor so make a queue inside the kernel that nobody can see, in which requests wait that
 * have become worthless, and important ones wait behind all the others.
 *
 * So as soon as requests have kept the loop for a slice of time, it is let read all who have come
 * before anybody else is run. They wait here, in the queue of a limiter: by priority, no longer than
 * their deadlines allow, and refused at once if they would wait in vain. Who has hung up meanwhile is
 * known to have. A loop that is never kept that long runs every request at once.
 */
export class RunQueue {
  readonly #limit = new SliceLimit(sliceMs)
  readonly #limiter: Limiter
  readonly #clock: Clock
  readonly #process: Pick<ProcessFacts, 'afterPoll'>
  readonly #onPolled: () => void
  /** Of the present turn of the loop; undefined between turns. */
  #turnAt: number | undefined
  /** Requests that have come in it. */
  #came = 0
  /** Turns in a row in which nobody came. */
  #quiet = 0
  /** Whether everybody has to wait, so that all can be read. */
  #isHolding = false
  #isRunning = false
  #sliceAt = 0
  /** How long the slice before took, with what its requests left for later. */
  #tookMs = sliceMs
  /** When it was over, and the loop was let read. */
  #readingFrom = 0
  /** Those that are run in this slice. */
  #permits: Permit[] = []

  constructor({ name, mode, clock, process }: RunQueueOptions) {
    this.#limiter = createLimiter({ name, limit: this.#limit.factory, clock, mode: modeOf(mode) })
    this.#clock = clock
    this.#process = process
    this.#onPolled = () => {
      this.#polled(this.#clock.now())
    }
  }

  /** Whoever waits is run when it no longer enforces. */
  set mode(mode: Mode) {
    this.#limiter.mode = modeOf(mode)
  }

  /** A request has come. Whether it may run at once; if not, it has to `enter`. */
  mayRun(now: number): boolean {
    if (this.#limiter.mode === 'off') return true
    if (this.#turnAt === undefined) this.#startTurn(now)
    this.#came += 1
    this.#isHolding ||= now - this.#turnAt! >= sliceMs
    return !this.#isHolding
  }

  /** Waits for its turn or is refused; or runs at once all the same, since nothing is enforced. */
  enter(options: AcquireOptions, request: Runnable): Waiting | Refusal | undefined {
    const admission = this.#limiter.admit(options, this.#waiter(request))
    if (admission.kind !== 'permit') return admission
    this.#permits.push(admission)
    request.run()
    return undefined
  }

  /** The process stood still until now: what the present slice took says nothing. */
  woke(now: number): void {
    if (this.#turnAt !== undefined) this.#turnAt = now
    this.#readingFrom = now
    for (const permit of this.#permits.splice(0)) permit.release('ignored')
  }

  stats(): LimiterStats {
    return this.#limiter.stats()
  }

  /** Whoever waits is run, and so is whoever comes. */
  close(): void {
    this.#limiter.mode = 'off'
  }

  #waiter(request: Runnable): Waiter {
    return {
      admitted: (permit) => {
        this.#permits.push(permit)
        request.run()
      },
      refused: (refusal) => {
        request.refused(refusal)
      },
    }
  }

  #startTurn(now: number): void {
    this.#turnAt = now
    this.#came = 0
    this.#process.afterPoll(this.#onPolled)
  }

  /** All that was ready when the loop last looked has been read, and what could run has run. */
  #polled(now: number): void {
    const turnMs = now - this.#turnAt!
    this.#turnAt = undefined
    this.#quiet = this.#came === 0 ? this.#quiet + 1 : 0
    if (!this.#isHolding && turnMs < sliceMs) return
    if (this.#isHolding) this.#goOn(now)
    else this.#startReading(now, turnMs)
    if (this.#isHolding) this.#startTurn(now)
  }

  #startReading(now: number, tookMs: number): void {
    this.#isHolding = true
    this.#readingFrom = now
    this.#tookMs = tookMs
    this.#quiet = 0
  }

  #goOn(now: number): void {
    if (this.#isRunning) this.#endSlice(now)
    if (this.#quiet >= quietTurns || this.#hasReadLongEnough(now)) this.#runSlice(now)
  }

  /** What was run has kept the loop until now. */
  #endSlice(now: number): void {
    this.#isRunning = false
    this.#limit.learn(this.#permits.length, now - this.#sliceAt)
    this.#startReading(now, now - this.#sliceAt)
  }

  /** Reading takes no more than half of the time, however many come. */
  #hasReadLongEnough(now: number): boolean {
    return now - this.#readingFrom > this.#tookMs
  }

  #runSlice(now: number): void {
    this.#sliceAt = now
    this.#limit.isOpen = true
    // Whoever ran in the slice before makes room. That serves the queue, and so does the question.
    for (const permit of this.#permits.splice(0)) permit.release()
    this.#limiter.wouldRefuse()
    this.#limit.isOpen = false
    this.#isRunning = this.#permits.length > 0
    this.#isHolding = this.#isRunning
  }
}

/** Nothing is held back unless it enforces: who would have waited in vain cannot be known then. */
function modeOf(mode: Mode): Mode {
  return mode === 'enforce' ? 'enforce' : 'off'
}
