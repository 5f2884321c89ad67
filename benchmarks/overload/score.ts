import { recoveryMs } from '@spillway/example-slow-database/accounting/recovery.ts'
import type { Summary } from '@spillway/example-slow-database/accounting/summary.ts'
import {
  answeredLatencies,
  latencies,
  summarise,
} from '@spillway/example-slow-database/accounting/summary.ts'
import { answeredAt } from '@spillway/example-slow-database/load/answer.ts'
import { mix } from '@spillway/example-slow-database/plan.ts'
import type { Capacity } from '@spillway/example-slow-database/result.ts'
import { capacityOf } from '@spillway/example-slow-database/result.ts'
import type { PlayedPhase, Recording } from '@spillway/example-slow-database/story.ts'

/** One contestant in one scenario: figures of its overloaded phases, and the way back. */
export interface Score {
  /** Good answers as a part of the possible. */
  readonly goodputRatio: number
  /** Good orders as a part of the possible: those that were sent, or all that the database can do. */
  readonly criticalRatio: number
  /** Orders among the good answers. */
  readonly criticalShareRatio: number
  readonly answeredP99Ms: number | undefined
  /** Inside the service. */
  readonly refusedP99Ms: number | undefined
  /** The same as the client saw it. */
  readonly refusedClientP99Ms: number | undefined
  /** Longest way back to 95 % after an overloaded phase; Infinity: never; undefined: there was none. */
  readonly recoveryMs: number | undefined
  readonly phases: readonly Summary[]
}

export function score(recording: Recording, capacities: readonly Capacity[]): Score {
  const counted = recording.phases.filter(({ isCounted }) => isCounted)
  const overloaded = counted.filter((phase) => isOverloaded(phase, capacities))
  const summaries = overloaded.map((phase) =>
    summarise(phase, recording, capacityOf(phase, capacities)),
  )
  const answers = recording.answers.filter((answer) => isIn(overloaded, answeredAt(answer)))
  const reports = recording.reports.filter(({ at }) => isIn(overloaded, at))
  return {
    goodputRatio: weightedRatio(summaries, good, (one) => one.possiblePerSecond),
    criticalRatio: weightedRatio(summaries, goodCritical, (one, index) =>
      Math.min(overloaded[index]!.rate * mix.order, one.possiblePerSecond),
    ),
    criticalShareRatio: weightedRatio(summaries, goodCritical, good),
    answeredP99Ms: answeredLatencies(answers).p99Ms,
    refusedP99Ms: latencies(reports.flatMap(({ refusedMs }) => refusedMs)).p99Ms,
    refusedClientP99Ms: latencies(
      answers.filter(({ outcome }) => outcome === 'refused').map(({ latencyMs }) => latencyMs),
    ).p99Ms,
    recoveryMs: longestRecovery(counted, recording, capacities),
    phases: counted.map((phase) => summarise(phase, recording, capacityOf(phase, capacities))),
  }
}

function isOverloaded(phase: PlayedPhase, capacities: readonly Capacity[]): boolean {
  return phase.rate > capacityOf(phase, capacities)
}

function isIn(phases: readonly PlayedPhase[], at: number): boolean {
  return phases.some(({ from, to, storage }) => at >= from + storage.holdMs && at < to)
}

function good({ goodPerSecond }: Summary): number {
  return goodPerSecond
}

function goodCritical({ goodPerSecond, criticalRatio }: Summary): number {
  return goodPerSecond * criticalRatio
}

type PerSecond = (summary: Summary, index: number) => number

/** Phases weigh as much as they last. */
function weightedRatio(summaries: readonly Summary[], part: PerSecond, whole: PerSecond): number {
  const sum = (perSecond: PerSecond): number =>
    summaries.reduce((total, one, index) => total + perSecond(one, index) * one.durationMs, 0)
  const all = sum(whole)
  return all === 0 ? 0 : sum(part) / all
}

/** A way back begins where a phase that is not overloaded follows one that is. */
function longestRecovery(
  phases: readonly PlayedPhase[],
  { answers }: Recording,
  capacities: readonly Capacity[],
): number | undefined {
  const recoveries = phases
    .filter((phase, index) => {
      const before = phases[index - 1]
      return (
        before !== undefined && isOverloaded(before, capacities) && !isOverloaded(phase, capacities)
      )
    })
    .map(({ from, to, rate }) => recoveryMs(answers, from, to, rate) ?? Infinity)
  return recoveries.length === 0 ? undefined : Math.max(...recoveries)
}
