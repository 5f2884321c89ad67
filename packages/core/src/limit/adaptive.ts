import type { Clock } from '../clock.ts'
import { integerBetween, knownKeys } from '../options.ts'
import { Congestion } from './adaptive/congestion.ts'
import { Elasticity } from './adaptive/elasticity.ts'
import type { Comparison } from './adaptive/elasticity.ts'
import { Pace } from './adaptive/pace.ts'
import { comparePair, ProbeSlot } from './adaptive/probe-slot.ts'
import type { AdaptiveReason, Decision } from './adaptive/reason.ts'
import { compareSteps, leadsUp, stepFactor, stepFactorAfter } from './adaptive/search.ts'
import type { SearchFinding, SearchPoint } from './adaptive/search.ts'
import { SearchStep } from './adaptive/search-step.ts'
import type { Evidence } from './adaptive/settle.ts'
import { decideMove, firstSwing, nextSwing, swingAfterJump } from './adaptive/settle.ts'
import { shortestSlotMs, slotAt, slotLengthMs } from './adaptive/slots.ts'
import { Unused } from './adaptive/unused.ts'
import { Validated } from './adaptive/validated.ts'
import { WorkloadBaselines } from './adaptive/workload-baselines.ts'
import type { Limit, LimitFactory, Sample } from './limit.ts'

export interface AdaptiveLimitOptions {
  /**
   * Limit before anything is known. The latency under it is what congestion is told by later, so it
   * is better too low than too high. Once something is known, calls that do not meet the limit never
   * lower it below twice this.
   *
   * @default 10: a usual connection pool; the search leaves it within a few round trips
   */
  readonly initialLimit?: number
  /**
   * Never fewer.
   *
   * @default 1: a downstream that serves one call at a time exists, and one call is needed to learn
   */
  readonly minLimit?: number
  /**
   * Never more.
   *
   * @default 1000: far above what a single process keeps in flight before one database
   */
  readonly maxLimit?: number
}

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
 * - too few calls to meet the limit: nothing can be learned. What was never used sinks (`unused.ts`).
 * - most calls time out: halve once a round trip, and come back when calls do.
 * - calls have not met the limit lately: half of it is free at any time (see `validated.ts`).
 *
 * At the start the knee is searched in steps of 2, 1.5, 1.5 instead (see `search.ts`). Slots are cut
 * out of wall-clock time, so that many instances before one database raise and lower together (see
 * `slots.ts`); when their clocks disagree, latency that creeps up bounds growth (`congestion.ts`).
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function adaptiveLimit(options: AdaptiveLimitOptions = {}): LimitFactory {
  const bounds = parseOptions(options)
  return ({ clock }) => new AdaptiveLimit(bounds, clock)
}

function parseOptions(options: AdaptiveLimitOptions): Required<AdaptiveLimitOptions> {
  knownKeys('adaptiveLimit', options, ['initialLimit', 'minLimit', 'maxLimit'])
  const minLimit = integerBetween('minLimit', options.minLimit ?? 1, 1, Number.MAX_SAFE_INTEGER)
  const max = options.maxLimit ?? Math.max(1000, minLimit)
  const maxLimit = integerBetween('maxLimit', max, minLimit, Number.MAX_SAFE_INTEGER)
  const initial = options.initialLimit ?? Math.min(maxLimit, Math.max(minLimit, 10))
  return {
    minLimit,
    maxLimit,
    initialLimit: integerBetween('initialLimit', initial, minLimit, maxLimit),
  }
}

/** After a blackout: one more call for each that came back, up to what was good before. */
interface Recovery {
  readonly kind: 'recovery'
  readonly target: number
  /** Calls that started earlier belong to the blackout. */
  readonly since: number
}

type Phase = SearchStep | ProbeSlot | Recovery

class AdaptiveLimit implements Limit {
  readonly algorithm = 'adaptive'
  readonly #bounds: Required<AdaptiveLimitOptions>
  readonly #clock: Clock
  readonly #baselines = new WorkloadBaselines()
  readonly #pace = new Pace()
  readonly #elasticity = new Elasticity(0.8)
  readonly #latest = new Elasticity(0.4)
  readonly #proof = new Elasticity(0.95)
  readonly #congestion = new Congestion()
  readonly #unused = new Unused()
  readonly #validated = new Validated()
  /** Whether calls met the limit in the last pair. */
  #isMet = true
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
    this.#phase = new SearchStep(this.current, clock.now())
  }

  get current(): number {
    return Math.round(this.#estimate)
  }

  get reason(): AdaptiveReason {
    return this.#reason
  }

  at(now: number): number {
    return this.#validated.cap(this.#limitAt(now))
  }

  #limitAt(now: number): number {
    const phase = this.#phase
    switch (phase.kind) {
      case 'probe':
        return now < phase.slot.endsAt ? phase.limit : this.#endSlot(phase, now)
      case 'search':
        if (phase.isIdle(now)) this.#onIdle(phase, now)
        return this.current
      case 'recovery':
        return this.current
      default:
        phase satisfies never
        return this.current
    }
  }

  onSample(sample: Sample, now: number): void {
    if (sample.outcome === 'ignored') return
    this.#pace.add(sample)
    this.#validated.observe(sample, this.#estimate)
    const phase = this.#phase
    if (sample.outcome === 'dropped' && this.#pace.isBlackout) {
      this.#blackOut(phase, sample, now)
      return
    }
    switch (phase.kind) {
      case 'search':
        phase.observe(sample, this.#baselines)
        if (phase.isDone(now, this.#pace.metDurationMs)) this.#endStep(phase, now)
        return
      case 'probe':
        phase.observe(sample, now, this.#baselines)
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

  #blackOut(phase: Phase, sample: Sample, now: number): void {
    const isRecovery = phase.kind === 'recovery'
    // Calls of one generation fail together: they are one piece of evidence.
    if (isRecovery && sample.startedAt < phase.since) return
    this.#phase = { kind: 'recovery', target: isRecovery ? phase.target : this.current, since: now }
    this.#set({ limit: this.#estimate / 2, reason: 'blackout' })
  }

  #recover({ target, since }: Recovery, sample: Sample, now: number): void {
    if (sample.outcome === 'dropped' || sample.startedAt < since) return
    this.#set({ limit: this.#estimate + 1, reason: 'recovering' })
    if (this.#estimate >= target) this.#startProbing(now)
  }

  #search(now: number, limit: number, previous?: SearchPoint, otherwise?: number): void {
    this.#set({ limit, reason: otherwise === undefined ? 'searching_up' : 'searching_down' })
    this.#phase = new SearchStep(this.current, now, previous, otherwise)
  }

  #endStep(step: SearchStep, now: number): void {
    const { limit, previous } = step
    const point = step.point(this.#baselines.index)
    this.#congestion.remember(step.latencyAtMost(this.#baselines.index))
    const { minLimit, maxLimit } = this.#bounds
    const finding: SearchFinding =
      previous === undefined ? { kind: 'knee_above' } : compareSteps(previous, point)
    if (finding.kind === 'unclear' && step.mayGoOn(now)) return
    this.#baselines.endRound()
    const low = previous !== undefined && previous.limit < limit ? previous : point
    if (leadsUp(finding) && limit < maxLimit) {
      this.#search(now, limit * stepFactorAfter(previous), point)
    } else if (finding.kind === 'knee_below' && low.limit > minLimit) {
      this.#search(now, low.limit / stepFactor, low, finding.otherwise)
    } else {
      const knee = 'limit' in finding ? Math.max(finding.limit, step.otherwise ?? 0) : limit
      this.#set({ limit: knee, reason: 'knee_found' })
      this.#startProbing(now)
    }
  }

  /** Nobody meets the limit. A search that has not begun waits for somebody who does. */
  #onIdle({ previous }: SearchStep, now: number): void {
    if (previous === undefined) this.#phase = new SearchStep(this.current, now)
    else this.#startProbing(now)
  }

  #startProbing(now: number): void {
    this.#baselines.endRound()
    this.#elasticity.forget()
    this.#latest.forget()
    this.#proof.forget()
    this.#startSlot(now, undefined)
  }

  #startSlot(now: number, first: ProbeSlot | undefined): void {
    if (first === undefined) this.#slotMs = slotLengthMs(this.#slotMs, this.#pace.metDurationMs)
    const slot = slotAt(this.#clock, now, this.#slotMs)
    // A limit of a few calls must still differ by one.
    const raised = Math.max(this.#estimate * (1 + this.#swing), this.current + 1)
    // While nobody meets the limit, lowering it could only hurt those who come next, all at once.
    const lowered = this.#isMet ? this.#estimate * (1 - this.#swing) : this.#estimate
    const limit = Math.round(slot.sign > 0 ? raised : lowered)
    const { minLimit, maxLimit } = this.#bounds
    this.#phase = new ProbeSlot(slot, Math.min(maxLimit, Math.max(minLimit, limit)), first)
  }

  #endSlot(ended: ProbeSlot, now: number): number {
    const { pair } = slotAt(this.#clock, now, this.#slotMs)
    const { first } = ended
    if (first !== undefined) this.#endPair(first, ended, now)
    if (this.#phase === ended) {
      const isFirst = !ended.slot.isSecond && ended.slot.pair === pair
      this.#startSlot(now, isFirst ? ended : undefined)
    }
    return this.#limitAt(now)
  }

  #endPair(first: ProbeSlot, second: ProbeSlot, now: number): void {
    const finding = comparePair(first, second)
    switch (finding.kind) {
      case 'nothing':
        this.#onUnmet(first, second)
        return
      case 'latency_rose':
      case 'latency_fell':
        this.#congestion.shift(this.#baselines.jump())
        this.#startProbing(now)
        this.#reason = 'latency_changed'
        this.#swing = swingAfterJump(this.#swing, finding.kind)
        return
      case 'comparison':
        this.#isMet = true
        this.#baselines.endRound()
        this.#settle(finding)
        return
      default:
        finding satisfies never
    }
  }

  #onUnmet(first: ProbeSlot, second: ProbeSlot): void {
    this.#isMet = false
    this.#reason = 'not_limiting'
    // A mean over all that time would hide a jump of latency that comes next.
    this.#baselines.dropRound()
    const inFlight = Math.max(first.meanInFlight ?? Infinity, second.meanInFlight ?? Infinity)
    this.#estimate = this.#unused.sink(this.#estimate, inFlight, 2 * this.#bounds.initialLimit)
    this.#swing = Math.max(firstSwing, 0.8 * this.#swing)
  }

  #settle(comparison: Comparison): void {
    this.#elasticity.add(comparison)
    this.#latest.add(comparison)
    this.#proof.add(comparison)
    const latestAtMost = this.#latest.atMost(1, 1)
    this.#estimate = this.#unused.restore(this.#estimate, latestAtMost)
    const limit = this.#estimate
    const evidence: Evidence = {
      limit,
      swing: this.#swing,
      elasticity: this.#elasticity.estimate,
      variance: this.#elasticity.variance,
      latenessRatio: this.#pace.latenessRatio,
      latestAtMost,
    }
    this.#congestion.observe(this.#baselines.index, limit)
    this.#set(this.#congestion.veto(limit, decideMove(evidence), this.#proof.atMost(2)))
    const swings = Math.log(this.#estimate / limit) / this.#swing
    this.#elasticity.fade(swings)
    this.#latest.fade(swings)
    this.#proof.fade(swings)
    this.#swing = nextSwing(this.#swing, evidence, Math.sqrt(comparison.variance))
  }
}
