import type { Clock } from '../clock.ts'
import { Congestion } from './adaptive/congestion.ts'
import { Drift } from './adaptive/drift.ts'
import { Elasticity } from './adaptive/elasticity.ts'
import type { Comparison } from './adaptive/elasticity.ts'
import { Pace } from './adaptive/pace.ts'
import type { AdaptiveLimitOptions } from './adaptive/options.ts'
import { parseOptions } from './adaptive/options.ts'
import { comparePair, ProbeSlot } from './adaptive/probe-slot.ts'
import { endOfRecovery, nextTarget } from './adaptive/recovery.ts'
import type { Recovery } from './adaptive/recovery.ts'
import type { AdaptiveReason, Decision } from './adaptive/reason.ts'
import type { Evidence } from './adaptive/settle.ts'
import { decideMove, firstSwing, nextSwing, swingAfterJump } from './adaptive/settle.ts'
import { shortestSlotMs, slotAt, slotLengthMs } from './adaptive/slots.ts'
import { SlowStart } from './adaptive/slow-start.ts'
import type { Trial } from './adaptive/trial.ts'
import { lateRatio, TrialSchedule } from './adaptive/trial.ts'
import { UsualLatency } from './adaptive/usual-latency.ts'
import { WorkloadBaselines } from './adaptive/workload-baselines.ts'
import type { Limit, LimitFactory, Sample } from './limit.ts'

export type { AdaptiveLimitOptions } from './adaptive/options.ts'

/**
 * Finds the concurrency of a downstream without being told anything: the smallest number of calls in
 * flight at which its throughput has stopped growing.
 *
 * Latency alone cannot tell too much concurrency from a downstream that got slower by itself; only
 * the slope of latency against the calls in flight can. So the limit is an experiment. It is raised
 * and lowered by some percent in alternate slots of half a second, and the elasticity of latency
 * s = d log R / d log N is estimated from the difference (see `elasticity.ts`):
 *
 * - s near 0: latency does not depend on the limit; it is below the knee, and grows.
 * - s near 1: throughput does not depend on the limit; it is past the knee, and shrinks.
 * - between: the knee lies inside the experiment; the limit settles there (see `settle.ts`).
 * - latency jumps, in both slots alike: the downstream changed, the limit was not the cause. Hold.
 * - too few calls meet the limit: nothing can be learned, and slow start begins again.
 * - calls take most of their callers' patience: try half of what is in flight (see `trial.ts`).
 * - most calls time out: halve once a round trip, and come back when calls do, in good time.
 *
 * While nothing has shown harm there is no experiment: the limit follows the demand at once, and what
 * calls do not meet sinks to what is used (see `slow-start.ts`). Slots are cut out of wall-clock time,
 * so that many instances before one database raise and lower together (see `slots.ts`); when their
 * clocks disagree, latency that creeps up bounds growth (`congestion.ts`).
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function adaptiveLimit(options: AdaptiveLimitOptions = {}): LimitFactory {
  const bounds = parseOptions(options)
  return ({ clock }) => new AdaptiveLimit(bounds, clock)
}

/** An elasticity that is surely smaller proves that concurrency is not the cause. */
const harmlessElasticity = 0.18
/** While congested, the experiment is to tell as soon as it can whether concurrency is the cause. */
const congestedSwing = 0.25
type Phase = SlowStart | ProbeSlot | Trial | Recovery

class AdaptiveLimit implements Limit {
  readonly algorithm = 'adaptive'
  readonly #bounds: Required<AdaptiveLimitOptions>
  readonly #clock: Clock
  readonly #baselines = new WorkloadBaselines()
  readonly #pace = new Pace()
  readonly #elasticity = new Elasticity(0.8)
  readonly #latest = new Elasticity(0.4)
  readonly #proof = new Elasticity(0.9)
  readonly #congestion = new Congestion()
  readonly #usual = new UsualLatency()
  readonly #drift = new Drift()
  readonly #trials = new TrialSchedule()
  #reason: AdaptiveReason = 'initial'
  /** Not rounded: small moves add up. */
  #estimate: number
  #swing = firstSwing
  #slotMs = shortestSlotMs
  #phase: Phase

  constructor(bounds: Required<AdaptiveLimitOptions>, clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
    this.#estimate = bounds.initialLimit
    this.#phase = new SlowStart(this.#estimate, this.#usual, clock.now() + this.#slotMs)
  }

  get current(): number {
    return Math.round(this.#estimate)
  }

  get reason(): AdaptiveReason {
    return this.#reason
  }

  at(now: number): number {
    const phase = this.#phase
    if (phase.kind !== 'probe') return this.current
    return now < phase.slot.endsAt ? phase.limit : this.#endSlot(phase, now)
  }

  onSample(sample: Sample, now: number): void {
    if (sample.outcome === 'ignored') return
    this.#pace.add(sample)
    const phase = this.#phase
    if (sample.outcome === 'dropped' && this.#pace.isBlackout) {
      this.#blackOut(phase, sample, now)
      return
    }
    switch (phase.kind) {
      case 'slow_start':
        this.#slowStart(phase, sample, now)
        return
      case 'probe':
        phase.observe(sample, now, this.#baselines)
        if (phase.isMetBy(sample)) this.#mayTry(sample, now)
        return
      case 'trial':
        this.#try(phase, sample, now)
        return
      case 'recovery':
        this.#recover(phase, sample, now)
        return
      default:
        phase satisfies never
    }
  }

  #set({ limit, reason }: Decision): void {
    this.#estimate = Math.min(this.#bounds.maxLimit, Math.max(this.#bounds.minLimit, limit))
    this.#reason = reason
  }

  #slowStart(phase: SlowStart, sample: Sample, now: number): void {
    const ratio = this.#baselines.relative(sample.workload, sample.durationMs)
    const latency = ratio * Math.exp(this.#baselines.index)
    const finding = phase.observe(sample, latency, this.#estimate)
    if (finding.kind === 'harm') {
      this.#set({ limit: finding.limit, reason: 'knee_found' })
      this.#congestion.begin(finding.level)
      this.#startProbing(now)
      return
    }
    if (finding.kind === 'grow') this.#set({ limit: finding.limit, reason: 'slow_start' })
    if (phase.isRoundOver(now)) this.#endRound(phase, now)
  }

  #endRound(phase: SlowStart, now: number): void {
    if (!phase.isMet) {
      this.#baselines.endRound()
      if (this.#reason !== 'initial') this.#reason = 'not_limiting'
    }
    this.#slotMs = slotLengthMs(this.#slotMs, this.#pace.metDurationMs)
    const { initialLimit } = this.#bounds
    this.#estimate = phase.endRound(this.#estimate, initialLimit, now + this.#slotMs)
  }

  #blackOut(phase: Phase, sample: Sample, now: number): void {
    const isRecovery = phase.kind === 'recovery'
    // Calls of one generation fail together: they are one piece of evidence.
    if (isRecovery && sample.startedAt < phase.since) return
    const target = isRecovery ? nextTarget(phase, this.#estimate) : this.#estimate
    this.#phase = { kind: 'recovery', target, since: now, hasGrown: false, fastestMs: Infinity }
    this.#set({ limit: this.#estimate / 2, reason: 'blackout' })
  }

  #recover(recovery: Recovery, sample: Sample, now: number): void {
    if (sample.outcome === 'dropped' || sample.startedAt < recovery.since) return
    recovery.fastestMs = Math.min(recovery.fastestMs, sample.durationMs)
    const end = endOfRecovery(sample, recovery, this.#estimate)
    if (end !== undefined) {
      this.#set({ limit: end, reason: 'recovering' })
      this.#startProbing(now)
      return
    }
    recovery.hasGrown = true
    this.#set({ limit: this.#estimate + 1, reason: 'recovering' })
    if (this.#estimate >= recovery.target) this.#startSlowly(now)
  }

  #mayTry(sample: Sample, now: number): void {
    const trial = this.#trials.observe(sample, this.#estimate, {
      now,
      wallNow: this.#clock.wallNow(),
      roundTripMs: this.#pace.recentMs,
    })
    if (trial === undefined) return
    this.#phase = trial
    this.#set({ limit: trial.limit, reason: 'trial' })
  }

  #try(trial: Trial, sample: Sample, now: number): void {
    const verdict = trial.observe(sample, now)
    if (verdict === 'undecided') return
    this.#trials.ended(verdict, now)
    if (verdict === 'kept') this.#reason = 'concurrency_hurts'
    else this.#set({ limit: trial.before, reason: 'concurrency_helps' })
    this.#startProbing(now)
  }

  #startSlowly(now: number): void {
    this.#phase = new SlowStart(this.#estimate, this.#usual, now + this.#slotMs)
  }

  #startProbing(now: number): void {
    this.#baselines.endRound()
    this.#drift.forget()
    this.#elasticity.forget()
    this.#latest.forget()
    this.#proof.forget()
    this.#trials.restart(now)
    this.#startSlot(now, undefined)
  }

  #startSlot(now: number, first: ProbeSlot | undefined): void {
    if (first === undefined) this.#slotMs = slotLengthMs(this.#slotMs, this.#pace.metDurationMs)
    const slot = slotAt(this.#clock, now, this.#slotMs)
    const limit = Math.round(slot.sign > 0 ? this.#raised() : this.#lowered())
    const { minLimit, maxLimit } = this.#bounds
    this.#phase = new ProbeSlot(slot, Math.min(maxLimit, Math.max(minLimit, limit)), first)
  }

  /** A limit of a few calls must still differ by one. */
  #raised(): number {
    if (this.#isLate) return this.current
    return Math.max(this.#estimate * (1 + this.#swing), this.current + 1)
  }

  #lowered(): number {
    const lowered = this.#estimate * (1 - this.#swing)
    return this.#isLate ? Math.min(lowered, this.current - 1) : lowered
  }

  /** More calls in flight would be answered later than is good: the experiment only looks below. */
  get #isLate(): boolean {
    return this.#pace.latenessRatio > lateRatio && this.current > 1
  }

  #endSlot(ended: ProbeSlot, now: number): number {
    const { pair } = slotAt(this.#clock, now, this.#slotMs)
    const { first } = ended
    if (first !== undefined) this.#endPair(first, ended, now)
    if (this.#phase === ended) {
      const isFirst = !ended.slot.isSecond && ended.slot.pair === pair
      this.#startSlot(now, isFirst ? ended : undefined)
    }
    return this.at(now)
  }

  #endPair(first: ProbeSlot, second: ProbeSlot, now: number): void {
    const finding = comparePair(first, second, this.#drift)
    switch (finding.kind) {
      case 'nothing':
        if (first.isUnmet && second.isUnmet) {
          this.#reason = 'not_limiting'
          this.#baselines.dropRound()
          this.#startSlowly(now)
        }
        return
      case 'latency_rose':
      case 'latency_fell':
        this.#congestion.shift(this.#baselines.jump())
        this.#startProbing(now)
        this.#reason = 'latency_changed'
        this.#swing = swingAfterJump(this.#swing, finding.kind)
        return
      case 'comparison':
        this.#baselines.endRound()
        this.#settle(finding)
        return
      default:
        finding satisfies never
    }
  }

  #settle(comparison: Comparison): void {
    this.#elasticity.add(comparison)
    this.#latest.add(comparison)
    this.#proof.add(comparison)
    const latestAtMost = this.#latest.atMost(1, 1)
    const limit = this.#estimate
    const evidence: Evidence = {
      limit,
      swing: this.#swing,
      elasticity: this.#elasticity.estimate,
      variance: this.#elasticity.variance,
      latenessRatio: this.#pace.latenessRatio,
      latestAtMost,
    }
    this.#set(
      this.#congestion.veto(
        this.#baselines.index,
        limit,
        decideMove(evidence),
        this.#proof.isSurelyBelow(harmlessElasticity),
      ),
    )
    const swings = Math.log(this.#estimate / limit) / this.#swing
    this.#elasticity.fade(swings)
    this.#latest.fade(swings)
    // A proof is used up by the growth that it allows.
    if (swings > 0) this.#proof.fade(swings)
    this.#swing = this.#congestion.isCongested
      ? congestedSwing
      : nextSwing(this.#swing, evidence, Math.sqrt(comparison.variance))
  }
}
