import type { Knee } from './knee.ts'
import { kneeAt } from './knee.ts'
import type { Counts, Recorder } from './recorder.ts'
import { binMs } from './recorder.ts'
import { Lognormal } from './random.ts'
import type { WorldSpec } from './world-spec.ts'
import { valueAt } from './world-spec.ts'

/** A stretch of virtual time. */
export interface Phase {
  readonly from: number
  readonly to: number
  /** Connections or cores while it lasts, when they are not the specification's. */
  readonly capacity?: number
}

/** Fewer calls than this say nothing about the mean of the work. */
const minCallsForMean = 200

/** The questions that scenarios ask of a run. Times in milliseconds, shares in percent. */
export class Evidence {
  readonly spec: WorldSpec
  readonly record: Recorder

  constructor(spec: WorldSpec, record: Recorder) {
    this.spec = spec
    this.record = record
  }

  arrived(phase: Phase, group?: string): number {
    return this.#count(phase, 'arrived', group)
  }

  served(phase: Phase, group?: string): number {
    return this.#count(phase, 'served', group)
  }

  answered(phase: Phase, group?: string): number {
    return this.#count(phase, 'answered', group)
  }

  /** Clients served, of those that came. */
  servedShare(phase: Phase, group?: string): number {
    return (100 * this.served(phase, group)) / this.arrived(phase, group)
  }

  knee({ from, to, capacity }: Phase): Knee {
    return kneeAt(this.spec, (from + to) / 2, capacity)
  }

  /** Calls the downstream can answer in a phase, given the work that they really brought. */
  capacity(phase: Phase): number {
    const { perSecond, meanMs } = this.knee(phase)
    const calls = sum(this.record.submitted, phase)
    const work = sum(this.record.demandMs, phase)
    const drawnMs = calls < minCallsForMean ? meanMs : work / calls
    return (perSecond * (phase.to - phase.from) * meanMs) / drawnMs / 1000
  }

  /** Useful answers in percent of min(what the downstream can do, what was asked). */
  goodput(phase: Phase): number {
    const arrived = this.arrived(phase)
    const capacity = this.capacity(phase)
    const ratio =
      arrived <= capacity ? this.served(phase) / arrived : this.answered(phase) / capacity
    return Math.min(100, 100 * ratio)
  }

  /** The same for a phase in which the downstream changes steadily: second by second. */
  goodputWhileChanging(phase: Phase): number {
    let possible = 0
    let useful = 0
    const reference = kneeAt(this.spec, 0)
    const factorAt = (at: number): number => valueAt(this.spec.slowdown ?? 1, at)
    for (let from = phase.from; from < phase.to; from += 1000) {
      const second = { from, to: from + 1000 }
      const capacity = (reference.perSecond * factorAt(0)) / factorAt(from + 500)
      possible += Math.min(this.arrived(second), capacity)
      useful += this.answered(second)
    }
    return Math.min(100, (100 * useful) / possible)
  }

  /** Milliseconds from the start of the phase until goodput is at `level` for `windowMs`. */
  settledAfter(phase: Phase, level: number, windowMs: number): number {
    for (let from = phase.from; from + windowMs <= phase.to; from += binMs) {
      const window = { ...phase, from, to: from + windowMs }
      if (this.goodput(window) >= level) return from - phase.from
    }
    return Infinity
  }

  /** Response time of calls answered in time. */
  percentileMs({ from, to }: Phase, ratio: number): number {
    return this.record.latency.percentile(from, to, ratio)
  }

  /** Median response time with nobody else around. */
  noLoadMedianMs(): number {
    const [only] = this.spec.classes
    return new Lognormal(only!.serviceMs, only!.cv).median
  }

  meanLimit(phase: Phase): number {
    return mean(this.record.levels.limit, phase)
  }

  meanInside(phase: Phase): number {
    return mean(this.record.levels.inside, phase)
  }

  maxInside(phase: Phase): number {
    return Math.max(...bins(this.record.levels.inside, phase))
  }

  /** Coefficient of variation of the limit. */
  limitCv(phase: Phase): number {
    const values = bins(this.record.levels.limit, phase)
    const average = mean(this.record.levels.limit, phase)
    let squares = 0
    for (const value of values) squares += (value - average) ** 2
    return Math.sqrt(squares / values.length) / average
  }

  /** Mean limit of each instance. */
  meanLimits(phase: Phase): number[] {
    return this.record.levels.limits.map((series) => mean(series, phase))
  }

  /** Answers in time of the instance that gave fewest, relative to the one that gave most. */
  leastToMostAnswered(phase: Phase): number {
    const answered = this.record.answeredBy.map((series) => sum(series, phase))
    const most = Math.max(...answered)
    return most === 0 ? 0 : Math.min(...answered) / most
  }

  /** Answers of one group in percent of what was asked of it, or of all that the downstream can do. */
  goodputOf(phase: Phase, group: string): number {
    const possible = Math.min(this.arrived(phase, group), this.capacity(phase))
    return (100 * this.answered(phase, group)) / possible
  }

  /** Answers that came after their client's deadline, of all answers of the run, in percent. */
  wastedPercent(): number {
    const { good, late } = this.record.fates
    return (100 * late) / (good + late)
  }

  /** Attempts per client that came. */
  amplification(phase: Phase): number {
    return sum(this.record.attempts, phase) / this.arrived(phase)
  }

  /** Calls per second that reached the downstream. */
  submittedPerSecond(phase: Phase): number {
    return (1000 * sum(this.record.submitted, phase)) / (phase.to - phase.from)
  }

  #count(phase: Phase, which: keyof Counts, group: string | undefined): number {
    let total = 0
    this.record.groups.forEach((counts, index) => {
      const { name } = this.spec.classes[index]!
      if (group === undefined || group === name) total += sum(counts[which], phase)
    })
    return total
  }
}

function bins(series: Float64Array, { from, to }: Phase): Float64Array {
  return series.subarray(Math.round(from / binMs), Math.round(to / binMs))
}

function sum(series: Float64Array, phase: Phase): number {
  let total = 0
  for (const value of bins(series, phase)) total += value
  return total
}

function mean(series: Float64Array, phase: Phase): number {
  return sum(series, phase) / bins(series, phase).length
}
