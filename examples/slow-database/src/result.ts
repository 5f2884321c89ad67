import { cpus } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { recoveryMs } from './accounting/recovery.ts'
import type { SeriesPoint } from './accounting/series.ts'
import { timeSeries } from './accounting/series.ts'
import type { Latencies, Summary } from './accounting/summary.ts'
import { answeredLatencies, summarise } from './accounting/summary.ts'
import type { Storage } from './database/database.ts'
import { computedCapacity } from './database/database.ts'
import { answeredAt } from './load/answer.ts'
import type { PlayedPhase, Recording } from './story.ts'

/** Queries a second that the database can do, healthy or slow. */
export interface Capacity {
  readonly storage: Storage
  readonly measuredPerSecond: number
  readonly computedPerSecond: number
}

export interface ContestantResult {
  readonly name: string
  readonly summaries: readonly Summary[]
  /** Of all counted phases. */
  readonly answered: Latencies
  /** After the last phase began; undefined: never. */
  readonly recoveryMs: number | undefined
  readonly series: readonly SeriesPoint[]
}

export interface Machine {
  readonly node: string
  readonly platform: string
  readonly cpus: string
}

export function contestantResult(
  recording: Recording,
  capacities: readonly Capacity[],
): ContestantResult {
  const counted = recording.phases.filter(({ isCounted }) => isCounted)
  const last = counted.at(-1)
  return {
    name: recording.name,
    summaries: counted.map((phase) => summarise(phase, recording, capacityOf(phase, capacities))),
    answered: answeredLatencies(
      recording.answers.filter((answer) => answeredAt(answer) >= (counted[0]?.from ?? 0)),
    ),
    recoveryMs: last === undefined ? undefined : recovery(recording, last, capacities),
    series: timeSeries(recording),
  }
}

function recovery(
  { answers }: Recording,
  phase: PlayedPhase,
  capacities: readonly Capacity[],
): number | undefined {
  const possible = Math.min(phase.rate, capacityOf(phase, capacities))
  return recoveryMs(answers, phase.from, phase.to, possible)
}

/** What was measured; a storage that nobody measured is taken at its word. */
export function capacityOf({ storage }: PlayedPhase, capacities: readonly Capacity[]): number {
  const known = capacities.find((capacity) => isDeepStrictEqual(capacity.storage, storage))
  return known?.measuredPerSecond ?? computedCapacity(storage)
}

export function machine(): Machine {
  const [cpu] = cpus()
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpus: `${cpus().length} x ${cpu?.model ?? 'unknown'}`,
  }
}
