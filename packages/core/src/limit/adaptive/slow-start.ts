import type { Sample } from '../limit.ts'
import { RecentCalls } from './recent-calls.ts'
import type { UsualLatency } from './usual-latency.ts'

/** Latency of this many times the usual is a sign of harm. */
const harmLog = Math.log(1.1)
/** Calls more for each that met the limit and came back: half as many again per round trip. */
const growth = 0.5
/** Room above what showed no harm: too little concurrency costs throughput, too much some latency. */
const margin = 1.1
/** Calls from one look at the latency to the next. */
const lookEvery = 8
/** Part by which a limit sinks per round while it is not met. */
const sinkRatio = 0.04

/** What a call says to slow start. */
export type SlowStartFinding =
  | { readonly kind: 'nothing' }
  /** It met the limit, and nothing has shown harm. */
  | { readonly kind: 'grow'; readonly limit: number }
  /**
   * Calls take longer than usual. `limit`: what showed no harm yet; `level`: logarithm of the latency
   * that is usual now, with what the limit cannot have caused.
   */
  | { readonly kind: 'harm'; readonly limit: number; readonly level: number }

/**
 * The limit while nothing has shown harm: it follows the demand within a few round trips, as a
 * congestion window does (RFC 5681). What is not met sinks to what is used (RFC 7661).
 */
export class SlowStart {
  readonly kind = 'slow_start'
  /** The limit when it was last not met, or with which this began: known to be good. */
  #from: number
  readonly #usual: UsualLatency
  readonly #recent = new RecentCalls()
  #roundEndsAt: number
  /** Most calls in flight in this round. */
  #peak = 0
  /** Whether a call of this round has met the limit. */
  #isMet = false
  #untilLook = lookEvery

  constructor(limit: number, usual: UsualLatency, roundEndsAt: number) {
    this.#from = limit
    this.#usual = usual
    this.#roundEndsAt = roundEndsAt
  }

  get isMet(): boolean {
    return this.#isMet
  }

  /** @param latency as a multiple of what its workload took at first @param limit the present one */
  observe(sample: Sample, latency: number, limit: number): SlowStartFinding {
    this.#recent.add(latency, sample.inFlight)
    this.#peak = Math.max(this.#peak, sample.inFlight)
    this.#untilLook -= 1
    if (sample.waitedMs === 0 && sample.inFlight < Math.floor(limit)) return { kind: 'nothing' }
    this.#isMet = true
    if (!this.#recent.isFull) return { kind: 'nothing' }
    return this.#look() ?? { kind: 'grow', limit: limit + growth }
  }

  isRoundOver(now: number): boolean {
    return now >= this.#roundEndsAt
  }

  /** @returns the limit that follows; `floor`: it sinks no further */
  endRound(limit: number, floor: number, roundEndsAt: number): number {
    const least = Math.max(floor, this.#peak)
    const isMet = this.#isMet
    this.#roundEndsAt = roundEndsAt
    this.#isMet = false
    this.#peak = 0
    if (isMet) return limit
    if (this.#recent.isFull) this.#usual.follow(this.#recent.latency())
    this.#from = limit <= least ? limit : Math.max(least, (1 - sinkRatio) * limit)
    return this.#from
  }

  #look(): SlowStartFinding | undefined {
    if (this.#usual.isKnown && this.#untilLook > 0) return undefined
    this.#untilLook = lookEvery
    const latency = this.#recent.latency()
    this.#usual.assume(latency)
    const rise = this.#usual.rise(latency)
    return rise > harmLog ? this.#harm(rise) : undefined
  }

  /** By Little's law latency rises at most as much as the calls in flight; more is not our doing. */
  #harm(rise: number): SlowStartFinding {
    const { load } = this.#recent
    const caused = Math.max(0, Math.log(load / this.#from))
    const level = this.#usual.level + Math.max(0, rise - caused)
    const limit = Math.max(this.#from, margin * load * Math.exp(-rise))
    return { kind: 'harm', limit, level }
  }
}
