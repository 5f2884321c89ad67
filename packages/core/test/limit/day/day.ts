import { createLimiter, priorities } from '@spillway/core'
import type { AcquireOptions, LimitFactory, Limiter, Permit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { Random } from './random.ts'
import { dayMs, weatherAt } from './weather.ts'

/** Lowest and highest limit that was seen; NaN if it ever was not a number. */
interface Range {
  lowest: number
  highest: number
}

/** A limiter, its clients and its downstream, for 24 hours that pass in a second. */
export class Day {
  readonly clock = new ManualClock()
  readonly limiter: Limiter
  readonly range: Range = { lowest: Infinity, highest: -Infinity }
  readonly #random = new Random(20_261_123)
  asked = 0
  answered = 0
  #atWork = 0

  constructor(limit: LimitFactory) {
    this.limiter = createLimiter({ name: 'db', limit, clock: this.clock, queue: { maxSize: 200 } })
  }

  /** Plays the day and lets what still runs come to its end. */
  pass(): void {
    this.#scheduleNext()
    for (let hour = 0; hour < 24; hour += 1) {
      this.clock.advance(dayMs / 24)
      // A machine that was suspended, and a wall clock that somebody set.
      if (hour % 8 === 3) this.clock.freeze(90_000)
      if (hour % 6 === 5) this.clock.jumpWall(hour % 12 === 5 ? 3_600_000 : -7_200_000)
    }
    this.clock.advance(600_000)
  }

  #scheduleNext(): void {
    const { arrivalMs } = weatherAt(this.clock.now())
    this.clock.setTimer(() => {
      if (this.clock.now() >= dayMs) return
      this.#ask()
      this.#scheduleNext()
    }, this.#random.exponential(arrivalMs))
  }

  #ask(): void {
    this.asked += 1
    const controller = new AbortController()
    const options = this.#options(controller.signal)
    const admission = this.limiter.admit(options, {
      admitted: (permit) => {
        this.#work(permit, options.deadlineMs)
      },
      refused: () => {
        this.answered += 1
      },
    })
    this.#look()
    if (admission.kind === 'permit') this.#work(admission, options.deadlineMs)
    else if (admission.kind === 'refusal') this.answered += 1
    else if (this.#random.chance(0.1)) this.#hangUp(controller)
  }

  /** Everything a client says is random, and names are long, many and never the same. */
  #options(signal: AbortSignal): AcquireOptions {
    const random = this.#random
    return {
      priority: random.oneOf(priorities),
      deadlineMs: random.chance(0.5) ? random.exponential(500) : undefined,
      maxWaitMs: random.chance(0.2) ? random.exponential(100) : undefined,
      partition: random.chance(0.5) ? this.#longName() : random.oneOf(['a', 'b', 'c']),
      workload: random.chance(0.8) ? this.#longName() : random.oneOf(['read', 'report']),
      signal,
    }
  }

  /** Two kilobytes, so that a map that keeps names would show in the heap. */
  #longName(): string {
    return Buffer.alloc(2048, `${this.#random.next()}`).toString('latin1')
  }

  #hangUp(controller: AbortController): void {
    this.clock.setTimer(() => {
      controller.abort()
    }, this.#random.exponential(50))
  }

  #work(permit: Permit, deadlineMs = 1000): void {
    this.#atWork += 1
    const { serviceMs, knee } = weatherAt(this.clock.now())
    const slowdown = Math.max(1, this.#atWork / knee)
    const durationMs = this.#random.exponential(serviceMs) * slowdown
    const isLate = durationMs > 5 * deadlineMs
    this.clock.setTimer(
      () => {
        this.#atWork -= 1
        this.answered += 1
        if (isLate) permit.release('dropped')
        else permit.release(this.#random.chance(0.05) ? 'ignored' : 'success')
        this.#look()
      },
      Math.min(durationMs, 5 * deadlineMs),
    )
  }

  #look(): void {
    const { limit } = this.limiter
    this.range.lowest = Math.min(this.range.lowest, limit)
    this.range.highest = Math.max(this.range.highest, limit)
  }
}
