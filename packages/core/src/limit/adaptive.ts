import type { Clock } from '../clock.ts'
import { knownKeys, numberBetween, positiveInteger } from '../options.ts'
import { compareSteps, neutralElasticity, settle } from './adaptive/decide.ts'
import type { AdaptiveReason, Decision } from './adaptive/decide.ts'
import { Elasticity } from './adaptive/elasticity.ts'
import { Moments } from './adaptive/moments.ts'
import { slotAt } from './adaptive/slots.ts'
import type { Slot } from './adaptive/slots.ts'
import { WorkloadBaselines } from './adaptive/workload-baselines.ts'
import type { Limit, LimitFactory, Sample } from './limit.ts'

export interface AdaptiveLimitOptions {
  readonly initialLimit?: number
  readonly minLimit?: number
  readonly maxLimit?: number
}

export function adaptiveLimit(options: AdaptiveLimitOptions = {}): LimitFactory {
  knownKeys('adaptiveLimit', options, ['initialLimit', 'minLimit', 'maxLimit'])
  const { initialLimit = 20, minLimit = 1, maxLimit = 1000 } = options
  positiveInteger('minLimit', minLimit)
  numberBetween('maxLimit', maxLimit, minLimit, Number.MAX_SAFE_INTEGER)
  numberBetween('initialLimit', initialLimit, minLimit, maxLimit)
  return ({ clock }) => new AdaptiveLimit({ initialLimit, minLimit, maxLimit }, clock)
}

interface Growing {
  readonly kind: 'growing'
  readonly startedAt: number
  readonly limit: number
  readonly seen: Moments
  readonly previous: { readonly limit: number; readonly latency: number } | undefined
  readonly down: boolean
}
interface Probing {
  readonly kind: 'probing'
  readonly slot: Slot
  readonly low: number
  readonly high: number
  readonly seen: Moments
  readonly bound: { count: number; all: number }
  readonly first: { readonly sign: number; readonly seen: Moments } | undefined
}
interface Recovering {
  readonly kind: 'recovering'
  readonly target: number
}

type Mode = Growing | Probing | Recovering

const growthFactor = 1.5
const minStepSamples = 12
const priorInformation = 4
const jumpLog = Math.log(1.6)

class AdaptiveLimit implements Limit {
  readonly algorithm = 'adaptive'
  reason: AdaptiveReason = 'initial'
  readonly #options: Required<AdaptiveLimitOptions>
  readonly #clock: Clock
  readonly #baselines = new WorkloadBaselines()
  readonly #elasticity = new Elasticity(0.8)
  readonly #recent = new Elasticity(0.4)
  #estimate: number
  #mode: Mode
  #slotMs = 500
  #meanMs = 0
  #lateness = 0
  #dropScore = 0
  #cutAt = -Infinity

  constructor(options: Required<AdaptiveLimitOptions>, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#estimate = options.initialLimit
    this.#mode = this.#growFrom(clock.now(), undefined)
  }

  get current(): number {
    return Math.round(this.#estimate)
  }

  at(now: number): number {
    const mode = this.#mode
    if (mode.kind !== 'probing') return Math.round(this.#estimate)
    if (now >= mode.slot.endsAt) return this.#endSlot(mode, now)
    return mode.slot.sign > 0 ? mode.high : mode.low
  }

  onSample(sample: Sample, now: number): void {
    if (sample.outcome === 'ignored') return
    this.#meanMs += 0.05 * (sample.durationMs - this.#meanMs)
    this.#lateness += 0.05 * (sample.durationMs / sample.patienceMs - this.#lateness)
    this.#dropScore += ((sample.outcome === 'dropped' ? 1 : 0) - this.#dropScore) / 8
    if (sample.outcome === 'dropped' && this.#dropScore > 0.5) {
      this.#blackout(sample, now)
      return
    }
    const mode = this.#mode
    switch (mode.kind) {
      case 'growing':
        this.#observeGrowth(mode, sample, now)
        return
      case 'probing':
        this.#observeProbe(mode, sample, now)
        return
      case 'recovering':
        this.#recover(mode, sample, now)
        return
      default:
        mode satisfies never
    }
  }

  #set({ limit, reason }: Decision): void {
    const { minLimit, maxLimit } = this.#options
    this.#estimate = Math.min(maxLimit, Math.max(minLimit, limit))
    this.reason = reason
  }

  #blackout(sample: Sample, now: number): void {
    if (sample.startedAt < this.#cutAt) return
    const target = this.#mode.kind === 'recovering' ? this.#mode.target : Math.round(this.#estimate)
    this.#cutAt = now
    this.#set({ limit: this.#estimate / 2, reason: 'blackout' })
    this.#mode = { kind: 'recovering', target }
  }

  #recover({ target }: Recovering, sample: Sample, now: number): void {
    if (sample.outcome === 'dropped' || sample.startedAt < this.#cutAt) return
    this.#set({ limit: this.#estimate + 1, reason: 'recovering' })
    if (this.#estimate >= target) this.#mode = this.#probe(now)
  }

  #growFrom(now: number, previous: Growing['previous'], down = false): Growing {
    return {
      kind: 'growing',
      startedAt: now,
      limit: Math.round(this.#estimate),
      seen: new Moments(),
      previous,
      down,
    }
  }

  #observeGrowth(mode: Growing, sample: Sample, now: number): void {
    if (sample.startedAt < mode.startedAt) return
    if (sample.waitedMs === 0 && sample.inFlight < mode.limit) return
    mode.seen.add(this.#baselines.relative(sample.workload, sample.durationMs), 1)
    if (mode.seen.count < Math.max(minStepSamples, mode.limit)) return
    if (
      mode.seen.variance > 0.005 &&
      mode.seen.count < 50 * mode.limit &&
      now - mode.startedAt < 1000
    )
      return
    this.#endStep(mode, now)
  }

  #endStep({ limit, seen, previous, down }: Growing, now: number): void {
    const { latency } = seen
    const point = { limit, latency }
    const finding =
      previous === undefined || previous.limit === limit
        ? ({ kind: 'below_the_knee' } as const)
        : compareSteps(previous, point)
    const first = previous === undefined || !down
    if (
      finding.kind === 'below_the_knee' &&
      limit < this.#options.maxLimit &&
      this.#lateness < 0.3
    ) {
      this.#set({ limit: limit * growthFactor, reason: 'growing' })
      this.#mode = this.#growFrom(now, point)
      return
    }
    if (finding.kind === 'above_the_knee' && limit > this.#options.minLimit) {
      this.#set({ limit: limit / growthFactor, reason: 'searching_down' })
      this.#mode = this.#growFrom(now, point, true)
      return
    }
    if (
      finding.kind === 'knee' &&
      !down &&
      this.#firstStep &&
      previous !== undefined &&
      finding.limit < previous.limit * 1.2
    ) {
      this.#firstStep = false
      this.#set({ limit: previous.limit / growthFactor, reason: 'searching_down' })
      this.#mode = this.#growFrom(now, previous, true)
      return
    }
    void first
    this.#set({ limit: finding.kind === 'knee' ? finding.limit : limit, reason: 'knee_found' })
    this.#baselines.endRound(true)
    this.#mode = this.#probe(now)
  }

  #firstStep = true

  #probe(now: number): Probing {
    this.#elasticity.forget()
    this.#recent.forget()
    return this.#startSlot(now, undefined)
  }

  #startSlot(now: number, first: Probing['first']): Probing {
    if (first === undefined) {
      while (this.#slotMs < 4000 && this.#slotMs < 3 * this.#meanMs) this.#slotMs *= 2
      while (this.#slotMs > 500 && this.#slotMs > 8 * this.#meanMs) this.#slotMs /= 2
    }
    const slot = slotAt(this.#clock, now, this.#slotMs)
    const swing = this.#swing
    return {
      kind: 'probing',
      slot,
      low: Math.max(this.#options.minLimit, Math.round(this.#estimate * (1 - swing))),
      high: Math.min(
        this.#options.maxLimit,
        Math.max(Math.round(this.#estimate * (1 + swing)), Math.round(this.#estimate) + 1),
      ),
      seen: new Moments(),
      bound: { count: 0, all: 0 },
      first,
    }
  }

  #swingNow = 0.12
  get #swing(): number {
    return Math.max(this.#swingNow, Math.min(0.35, 1 / this.#estimate))
  }

  #observeProbe(mode: Probing, sample: Sample, now: number): void {
    if (sample.startedAt < mode.slot.startsAt || now >= mode.slot.endsAt) return
    const limit = mode.slot.sign > 0 ? mode.high : mode.low
    mode.bound.all += 1
    if (sample.waitedMs === 0 && sample.inFlight < limit) return
    mode.bound.count += 1
    mode.seen.add(this.#baselines.relative(sample.workload, sample.durationMs), sample.inFlight)
  }

  #endSlot(mode: Probing, now: number): number {
    const continues = slotAt(this.#clock, now, this.#slotMs).pair === mode.slot.pair
    const usable =
      mode.seen.count >= 5 &&
      mode.bound.count > 0.6 * mode.bound.all &&
      now < mode.slot.endsAt + this.#slotMs
    if (!mode.slot.isSecond && usable && continues) {
      this.#mode = this.#startSlot(now, { sign: mode.slot.sign, seen: mode.seen })
    } else {
      if (mode.slot.isSecond && usable && mode.first !== undefined)
        this.#endPair(mode, mode.first.seen, now)
      else if (mode.slot.isSecond) this.reason = 'not_limiting'
      if (this.#mode.kind === 'probing') this.#mode = this.#startSlot(now, undefined)
    }
    return this.at(now)
  }

  #endPair(mode: Probing, first: Moments, now: number): void {
    const second = mode.seen
    const level = Math.log(
      (first.mean * first.count + second.mean * second.count) / (first.count + second.count),
    )
    if (Math.abs(level) > jumpLog) {
      this.#baselines.endRound(true)
      this.#elasticity.forget()
      this.#recent.forget()
      this.reason = 'latency_changed'
      if (level < 0) this.#mode = this.#growFrom(now, undefined)
      return
    }
    this.#baselines.endRound(false)
    const variance = first.variance + second.variance
    const load = second.load - first.load
    if (Math.abs(load) > 0.02) {
      const clip = 2.5 * Math.abs(load) + 2 * Math.sqrt(variance)
      const latency = Math.max(-clip, Math.min(clip, second.latency - first.latency))
      this.#elasticity.add({ latency, load, variance })
      this.#recent.add({ latency, load, variance })
    }
    const elasticity = this.#elasticity.towards(neutralElasticity(this.#estimate), priorInformation)
    const free = elasticity > neutralElasticity(this.#estimate) + 0.02
    const least = Math.max(0.1, Math.min(0.25, 0.9 * Math.sqrt(variance)))
    this.#swingNow = Math.max(least, Math.min(0.35, this.#swingNow * (free ? 1.2 : 0.8)))
    const decision = settle(this.#estimate, elasticity, this.#swing)
    const { information } = this.#elasticity
    const measured = this.#elasticity.towards(0, 1e-6)
    const error = 1 / Math.sqrt(information + 1e-6)
    if (decision.limit > this.#estimate && this.#lateness > 0.3 && measured + 2 * error > 0.1) {
      this.#set({ limit: this.#estimate * 0.99, reason: 'too_late_to_grow' })
      return
    }
    const moved = Math.log(decision.limit / this.#estimate) / this.#swing
    this.#elasticity.fade(moved)
    this.#recent.fade(moved)
    this.#set(decision)
    const now2 = this.#recent.towards(0, 1e-6) + 1.5 / Math.sqrt(this.#recent.information + 1e-6)
    if (now2 < 0.4 && this.#lateness < 0.3) {
      this.#mode = this.#growFrom(now, undefined)
    }
  }
}
