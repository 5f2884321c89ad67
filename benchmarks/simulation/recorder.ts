import type { Call, Fate } from './call.ts'
import { LatencyHistogram } from './latency-histogram.ts'

/** Width of a bin: fine enough for "recovered within a second". */
export const binMs = 100

/** Counts per bin of one group of calls. */
export interface Counts {
  /** Clients that came, by the time they came; a retry is no new client. */
  readonly arrived: Float64Array
  /** Clients answered in time, by the time they came. */
  readonly served: Float64Array
  /** The same, by the time of the answer. */
  readonly answered: Float64Array
}

/** What the service was like in the middle of each bin. */
export interface Levels {
  /** Sum of the settled limits of all instances. */
  readonly limit: Float64Array
  /** Calls inside the downstream, also those nobody waits for any more. */
  readonly inside: Float64Array
  /** Settled limit per instance; NaN while it is not running. */
  readonly limits: readonly Float64Array[]
}

/** Everything that one run leaves behind to be judged. */
export class Recorder {
  readonly groups: readonly Counts[]
  /** Answers in time by the instance that gave them. */
  readonly answeredBy: readonly Float64Array[]
  readonly attempts: Float64Array
  readonly submitted: Float64Array
  readonly levels: Levels
  readonly fates: Record<Fate, number> = { good: 0, late: 0, refused: 0, failed: 0 }
  /** From arrival to answer, of calls answered in time. */
  readonly latency = new LatencyHistogram(1000)
  /** From arrival to refusal. */
  readonly refusalWait = new LatencyHistogram(1000)
  /** Sum and count of the work drawn per bin. */
  readonly demandMs: Float64Array
  attemptCount = 0

  constructor(durationMs: number, groups: number, instances: number) {
    const bins = Math.ceil(durationMs / binMs)
    const series = (): Float64Array => new Float64Array(bins)
    this.groups = Array.from({ length: groups }, () => ({
      arrived: series(),
      served: series(),
      answered: series(),
    }))
    this.answeredBy = Array.from({ length: instances }, () => series())
    this.attempts = series()
    this.submitted = series()
    this.demandMs = series()
    this.levels = {
      limit: series(),
      inside: series(),
      limits: Array.from({ length: instances }, () => series().fill(Number.NaN)),
    }
  }

  came(call: Call): void {
    this.attemptCount += 1
    add(this.attempts, call.arrivedAt, 1)
    if (call.bornAt === call.arrivedAt) add(this.groups[call.group]!.arrived, call.bornAt, 1)
  }

  went(call: Call, nowMs: number): void {
    add(this.submitted, nowMs, 1)
    add(this.demandMs, nowMs, call.demandMs)
  }

  /** `slot`: the instance that had it, if any did. */
  ended(call: Call, fate: Fate, nowMs: number, slot: number | undefined): void {
    this.fates[fate] += 1
    if (fate === 'refused') this.refusalWait.add(nowMs, nowMs - call.arrivedAt)
    if (fate !== 'good') return
    add(this.groups[call.group]!.served, call.bornAt, 1)
    add(this.groups[call.group]!.answered, nowMs, 1)
    if (slot !== undefined) add(this.answeredBy[slot]!, nowMs, 1)
    this.latency.add(nowMs, nowMs - call.arrivedAt)
  }
}

function add(series: Float64Array, nowMs: number, amount: number): void {
  const bin = Math.floor(nowMs / binMs)
  if (bin < series.length) series[bin]! += amount
}
