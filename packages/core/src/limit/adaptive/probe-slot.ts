import type { Sample } from '../limit.ts'
import type { Comparison } from './elasticity.ts'
import type { Drift } from './drift.ts'
import { Moments } from './moments.ts'
import type { Slot } from './slots.ts'
import type { WorkloadBaselines } from './workload-baselines.ts'

const minSamples = 5
/** Part of the calls that must have met the limit for a slot to say anything about it. */
const minBoundRatio = 0.6
/** A change of latency by more than this factor, and by three standard errors, is no noise. */
const jumpFactor = 1.6

/** A slot of the experiment: the limit in it and what the calls took that started and ended in it. */
export class ProbeSlot {
  readonly kind = 'probe'
  readonly slot: Slot
  readonly limit: number
  /** The pair's first slot, when this is its second. */
  readonly first: ProbeSlot | undefined
  readonly seen: Moments = new Moments()
  #calls = 0

  constructor(slot: Slot, limit: number, first: ProbeSlot | undefined) {
    this.slot = slot
    this.limit = limit
    this.first = first
  }

  /**
   * Calls that reach over a slot's end are left out of both: under processor sharing they belong to
   * neither, and which ones are missing is then the same for both.
   */
  observe(sample: Sample, now: number, baselines: WorkloadBaselines): void {
    if (sample.startedAt < this.slot.startsAt || now >= this.slot.endsAt) return
    this.#calls += 1
    if (!this.isMetBy(sample)) return
    this.seen.add(baselines.relative(sample.workload, sample.durationMs), sample.inFlight)
  }

  /** Whether this call had to wait for its permit, or took the last one. */
  isMetBy({ waitedMs, inFlight }: Sample): boolean {
    return waitedMs > 0 || inFlight >= this.limit
  }

  /** Whether calls came, and most of them found room. */
  get isUnmet(): boolean {
    return this.#calls > 0 && this.seen.count <= minBoundRatio * this.#calls
  }

  get isUsable(): boolean {
    return this.seen.count >= minSamples && this.seen.count > minBoundRatio * this.#calls
  }
}

/** What a pair of slots says. */
export type PairFinding =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'latency_rose' | 'latency_fell' }
  | ({ readonly kind: 'comparison' } & Comparison)

/** A pair is compared as if nothing but the limit had changed within it. */
export function comparePair(first: ProbeSlot, second: ProbeSlot, drift: Drift): PairFinding {
  if (!first.isUsable || !second.isUsable) return { kind: 'nothing' }
  const variance = first.seen.variance + second.seen.variance
  const level = (first.seen.latency + second.seen.latency) / 2
  if (Math.abs(level) > Math.max(Math.log(jumpFactor), 1.5 * Math.sqrt(variance))) {
    return { kind: level > 0 ? 'latency_rose' : 'latency_fell' }
  }
  const load = second.seen.load - first.seen.load
  // Slots of the same load cannot be compared; a division by it would invent a slope.
  if (Math.abs(load) < 0.02) return { kind: 'nothing' }
  const clip = 2.5 * Math.abs(load) + 2 * Math.sqrt(variance)
  const { startsAt, endsAt } = second.slot
  drift.add(level, startsAt)
  const latency = second.seen.latency - first.seen.latency - drift.within(endsAt - startsAt)
  return { kind: 'comparison', latency: Math.max(-clip, Math.min(clip, latency)), load, variance }
}
