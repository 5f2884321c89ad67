import type { Sample } from '../limit/limit.ts'
import { DurationMean } from './duration-mean.ts'
import { Standstill } from './standstill.ts'

/** The calls of more workloads than this are reckoned like all: names may come from outside. */
const maxWorkloads = 256

/** How long calls take at present: all together, and those of each workload. */
export class Durations {
  readonly all: DurationMean = new DurationMean()
  readonly #ofWorkloads = new Map<string, DurationMean>()
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
  of(workload: string | undefined): DurationMean {
    return (workload === undefined ? undefined : this.#ofWorkloads.get(workload)) ?? this.all
  }

  #own(workload: string): DurationMean | undefined {
    const known = this.#ofWorkloads.get(workload)
    if (known !== undefined || this.#ofWorkloads.size >= maxWorkloads) return known
    const fresh = new DurationMean()
    this.#ofWorkloads.set(workload, fresh)
    return fresh
  }
}
