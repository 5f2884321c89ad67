import type { Sample } from '../limit/limit.ts'
import { DurationMean } from './duration-mean.ts'
import { Standstill } from './standstill.ts'

/** The calls of more workloads than this are reckoned like all: names may come from outside. */
const maxWorkloads = 256

/** How long calls take at present. In milliseconds. */
export interface Duration {
  /** 0 before the first call. */
  readonly value: number
  /** The same, of the last few calls if those took longer: what a deadline is weighed against. */
  readonly cautious: number
}

/** Weight of a new call in what a workload's calls take relative to all: about the last twenty count. */
const ratioWeight = 0.05

/**
 * How long the calls of one workload take. While they are refused none of them ends, and what the last
 * ones took in a bad moment would refuse them for ever: so they are taken to be as much faster as all
 * calls have become since.
 */
class WorkloadDuration implements Duration {
  readonly #own = new DurationMean()
  readonly #all: DurationMean
  #count = 0
  /** What a call takes, as a multiple of what all took at that time. */
  #ratio = 0

  constructor(all: DurationMean) {
    this.#all = all
  }

  get value(): number {
    return this.#own.value
  }

  get cautious(): number {
    return Math.min(this.#own.cautious, this.#ratio * this.#all.cautious)
  }

  /** All calls have been told of it already. */
  add(durationMs: number): void {
    this.#own.add(durationMs)
    this.#count += 1
    const ratio = this.#all.cautious === 0 ? 1 : durationMs / this.#all.cautious
    this.#ratio += Math.max(ratioWeight, 1 / this.#count) * (ratio - this.#ratio)
  }
}

/** How long calls take at present: all together, and those of each workload. */
export class Durations {
  readonly all: DurationMean = new DurationMean()
  readonly #ofWorkloads = new Map<string, WorkloadDuration>()
  readonly #standstill = new Standstill()

  /** A call has come. */
  event(now: number): void {
    this.#standstill.event(now)
  }

  /** A call has ended. One that the process stood still in tells how long that was. */
  ended({ workload, outcome, startedAt, durationMs }: Sample, now: number): void {
    this.#standstill.event(now)
    if (outcome === 'ignored' || this.#standstill.isWithin(startedAt)) return
    this.add(workload, durationMs)
  }

  add(workload: string | undefined, durationMs: number): void {
    this.all.add(durationMs)
    if (workload !== undefined) this.#own(workload)?.add(durationMs)
  }

  /** Those of all calls as long as none of the workload has ended. */
  of(workload: string | undefined): Duration {
    return (workload === undefined ? undefined : this.#ofWorkloads.get(workload)) ?? this.all
  }

  #own(workload: string): WorkloadDuration | undefined {
    const known = this.#ofWorkloads.get(workload)
    if (known !== undefined || this.#ofWorkloads.size >= maxWorkloads) return known
    const fresh = new WorkloadDuration(this.all)
    this.#ofWorkloads.set(workload, fresh)
    return fresh
  }
}
