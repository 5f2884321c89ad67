import type { Clock } from '../clock.ts'
import type { AcquireOptions, Permit, Refusal, Waiter, Waiting } from '../limiter/admission.ts'
import { createLimiter } from '../limiter/create-limiter.ts'
import type { Limiter, LimiterStats } from '../limiter/limiter.ts'
import { assumedDeadlineMs, hasDeadline } from '../limiter/wait-budget.ts'
import type { Mode } from '../mode.ts'
import type { Priority } from '../priority.ts'
import { perPriority } from '../priority.ts'
import type { ProcessFacts } from './process-facts.ts'
import type { Runnable } from './runnable.ts'
import { SliceLimit } from './slice-limit.ts'

/** What has become of those who had to wait; counts only ever grow. */
export interface RunQueueCounts {
  readonly ran: Readonly<Record<Priority, number>>
  /** Those who had left are not among them. */
  readonly refused: Readonly<Record<Priority, number>>
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
/**
 * Bounds the memory alone. The wait is bounded by time, and a request that takes less than a tenth of a
 * millisecond is none that anybody has seen.
 */
const mostWaiting = 10_000
/**
 * What a request that names no deadline has left. Of the second that it is taken to have in all, a part
 * goes where nobody sees it from here: the way, the kernel's buffers, other processes' turns.
 */
const usualDeadlineMs = 0.85 * assumedDeadlineMs
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
  readonly #ran = perPriority(() => 0)
  readonly #refused = perPriority(() => 0)
  /** Of the present turn of the loop; undefined between turns. */
  #turnAt: number | undefined
  /** Requests that have come in it. */
  #came = 0
  /** Of those, requests that were run at once. */
  #ranAtOnce = 0
  /** Turns in a row in which nobody came. */
  #quiet = 0
  /** Whether everybody has to wait, so that all can be read. */
  #isHolding = false
  #isRunning = false
  #sliceAt = 0
  /** How long the slice before took, with what its requests left for later. */
  #tookMs = sliceMs
  /** When it was over, and the loop was let read: by the first request that has come since. */
  #readingFrom: number | undefined = 0
  /** Those that are run in this slice. */
  #permits: Permit[] = []

  constructor({ name, mode, clock, process }: RunQueueOptions) {
    this.#limiter = createLimiter({
      name,
      limit: this.#limit.factory,
      queue: { maxSize: mostWaiting },
      mode: modeOf(mode),
      clock,
    })
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
    this.#readingFrom ??= now
    if (!this.#isHolding && now - this.#turnAt! >= sliceMs) this.#hold(now)
    if (!this.#isHolding) this.#ranAtOnce += 1
    return !this.#isHolding
  }

  /**
   * Waits for its turn or is refused; or runs at once all the same, since nothing is enforced. One that
   * names no deadline waits longer than elsewhere: it waits for nothing but the processor.
   */
  enter(options: AcquireOptions, request: Runnable): Waiting | Refusal | undefined {
    const patient = hasDeadline(options.deadlineMs)
      ? options
      : { ...options, deadlineMs: usualDeadlineMs }
    const priority = options.priority ?? 'default'
    const admission = this.#limiter.admit(patient, this.#waiter(request, priority))
    if (admission.kind === 'waiting') return admission
    if (admission.kind === 'refusal') {
      this.#refused[priority] += 1
      return admission
    }
    this.#run(admission, request)
    return undefined
  }

  /** The process stood still until now: what the present slice took says nothing. */
  woke(now: number): void {
    if (this.#turnAt !== undefined) this.#turnAt = now
    this.#readingFrom = now
    for (const permit of this.#permits.splice(0)) permit.release('ignored')
  }

  get counts(): RunQueueCounts {
    return { ran: this.#ran, refused: this.#refused }
  }

  stats(): LimiterStats {
    return { ...this.#limiter.stats(), meanDurationMs: this.#limit.permitIntervalMs }
  }

  /** Whoever waits is run, and so is whoever comes. */
  close(): void {
    this.#limiter.mode = 'off'
  }

  #waiter(request: Runnable, priority: Priority): Waiter {
    return {
      admitted: (permit) => {
        this.#run(permit, request)
      },
      refused: (refusal) => {
        if (refusal.reason !== 'cancelled') this.#refused[priority] += 1
        request.refused(refusal)
      },
    }
  }

  #run(permit: Permit, request: Runnable): void {
    this.#ran[permit.priority] += 1
    this.#permits.push(permit)
    request.run()
  }

  #startTurn(now: number): void {
    this.#turnAt = now
    this.#came = 0
    this.#ranAtOnce = 0
    this.#process.afterPoll(this.#onPolled)
  }

  /** From now on, everybody has to wait. */
  #hold(now: number): void {
    this.#startReading(now, now - this.#turnAt!)
    this.#countThoseAtOnce(now)
  }

  /** What the requests of this turn took that were run at once, told before anybody is judged by it. */
  #countThoseAtOnce(now: number): void {
    this.#limit.observe(this.#ranAtOnce, now - this.#turnAt!)
    this.#ranAtOnce = 0
  }

  /** All that was ready when the loop last looked has been read, and what could run has run. */
  #polled(now: number): void {
    const turnMs = now - this.#turnAt!
    this.#countThoseAtOnce(now)
    this.#turnAt = undefined
    this.#quiet = this.#came === 0 ? this.#quiet + 1 : 0
    if (!this.#isHolding && turnMs < sliceMs) return
    if (this.#isHolding) this.#goOn(now)
    else this.#startReading(now, turnMs)
    if (this.#isHolding) this.#startTurn(now)
  }

  #startReading(from: number, tookMs: number): void {
    this.#isHolding = true
    this.#readingFrom = from
    this.#tookMs = tookMs
    this.#quiet = 0
  }

  #goOn(now: number): void {
    if (this.#isRunning) this.#endSlice(this.#readingFrom ?? now)
    const readMs = now - (this.#readingFrom ?? now)
    // Reading takes no more than half of the time, however many come.
    if (this.#quiet >= quietTurns || readMs > this.#tookMs) this.#runSlice(now, readMs)
  }

  /** What was run has kept the loop until then. */
  #endSlice(at: number): void {
    this.#isRunning = false
    this.#limit.learn(this.#permits.length, at - this.#sliceAt)
    this.#startReading(at, at - this.#sliceAt)
  }

  #runSlice(now: number, readMs: number): void {
    this.#sliceAt = now
    this.#readingFrom = undefined
    this.#limit.open(readMs)
    // Whoever ran in the slice before makes room. That serves the queue, and so does the question.
    // What it took one by one is not known.
    for (const permit of this.#permits.splice(0)) permit.release('ignored')
    this.#limiter.wouldRefuse()
    this.#limit.close()
    this.#isRunning = this.#permits.length > 0
    this.#isHolding = this.#isRunning
  }
}

/** Nothing is held back unless it enforces: who would have waited in vain cannot be known then. */
function modeOf(mode: Mode): Mode {
  return mode === 'enforce' ? 'enforce' : 'off'
}
