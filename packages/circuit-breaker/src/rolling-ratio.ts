import { EventEmitter } from 'node:events'
import { longestTimerMs } from '@spillway/core'
import Opossum from 'opossum'

/** What one window judges. */
export interface RollingRatioOptions {
  readonly name: string
  readonly windowMs: number
  readonly minimumCalls: number
  /** Trips above it. */
  readonly badRatio: number
}

const bucketCount = 10

/**
 * An opossum circuit as what it is best at: a rolling window with a volume threshold that trips above
 * an error percentage. Its action only says how a call *has ended*, so a call in flight, refused or
 * ignored counts for nothing. It gets no AbortController and no timeout, which opossum shares between
 * all calls of a circuit. Its buckets rotate by the timestamps of the calls instead of by an interval:
 * no timer, and an injected clock moves them.
 */
export class RollingRatio {
  readonly #rotation = new EventEmitter()
  readonly #bucketMs: number
  readonly #circuit: Opossum<[isBad: boolean], void>
  #bucketStart: number

  constructor(options: RollingRatioOptions, now: number, onTrip: () => void) {
    this.#bucketMs = options.windowMs / bucketCount
    this.#bucketStart = now
    // A literal: opossum writes its defaults into the object that it gets.
    this.#circuit = new Opossum(endAs, {
      name: options.name,
      timeout: false,
      // Opossum's half-open belongs to one probe at a time; ours comes first, by far.
      resetTimeout: longestTimerMs,
      errorThresholdPercentage: options.badRatio * 100,
      volumeThreshold: options.minimumCalls,
      rollingCountTimeout: options.windowMs,
      rollingCountBuckets: bucketCount,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: this.#rotation,
    })
    this.#circuit.on('open', onTrip)
  }

  /** Counts a call that has ended now. May trip, before it returns. */
  record(isBad: boolean, now: number): void {
    this.#rotate(now)
    const counted = this.#circuit.fire(isBad)
    if (isBad) counted.catch(ignore)
  }

  /** Part of the calls in the window that was bad; 0 when there was none. */
  ratio(now: number): number {
    this.#rotate(now)
    const { fires, failures } = this.#circuit.stats
    return fires === 0 ? 0 : failures / fires
  }

  /** Forgets all calls, and can trip again. */
  reset(now: number): void {
    this.#circuit.close()
    this.#bucketStart = now
    this.#turn(bucketCount)
  }

  shutdown(): void {
    this.#circuit.shutdown()
  }

  #rotate(now: number): void {
    const passed = Math.floor((now - this.#bucketStart) / this.#bucketMs)
    if (passed <= 0) return
    this.#bucketStart += passed * this.#bucketMs
    this.#turn(Math.min(passed, bucketCount))
  }

  #turn(buckets: number): void {
    for (let turned = 0; turned < buckets; turned += 1) this.#rotation.emit('rotate')
  }
}

/** Never seen by anybody: opossum only counts it. */
const bad = new Error('The call has failed')
const good = Promise.resolve()

function endAs(isBad: boolean): Promise<void> {
  // Thrown, not rejected: opossum then counts and trips before `fire` returns.
  if (isBad) throw bad
  return good
}

function ignore(): void {}
