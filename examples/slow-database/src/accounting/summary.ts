import { createHistogram } from 'node:perf_hooks'
import type { Answer, AnswerOutcome } from '../load/answer.ts'
import { answeredAt } from '../load/answer.ts'
import type { ShopReport } from '../shop/process.ts'
import type { PlayedPhase, Recording } from '../story.ts'

/** One phase of one contestant in figures. */
export interface Summary {
  readonly phase: string
  readonly durationMs: number
  /** Requests a second that reached the service. */
  readonly arrivedPerSecond: number
  /** Requests a second that could have been answered: what was offered, or what the database can do. */
  readonly possiblePerSecond: number
  /** Good answers a second. */
  readonly goodPerSecond: number
  /** Good answers as a part of the possible. */
  readonly goodputRatio: number
  /** Part of the good answers that were orders. */
  readonly criticalRatio: number
  readonly counts: Readonly<Record<AnswerOutcome, number>>
  /** Of requests that were not refused; who got no answer counts with the deadline. */
  readonly answered: Latencies
  /** Of refusals that came at once, as the client saw them: with the network and its own process. */
  readonly refused: Latencies
  /** The same inside the service, from the request's arrival to the end of its answer. */
  readonly refusedInside: Latencies
}

/** Milliseconds; undefined when there was nothing to measure. */
export interface Latencies {
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

/**
 * Counts what was answered in the phase; a request belongs to the phase in which its client knew.
 * The phase counts from the moment at which the first query that it changed can have ended.
 */
export function summarise(
  phase: PlayedPhase,
  { answers, reports }: Pick<Recording, 'answers' | 'reports'>,
  capacityPerSecond: number,
): Summary {
  const from = phase.from + phase.storage.holdMs
  const seconds = (phase.to - from) / 1000
  const within = answers.filter((answer) => isWithin(answeredAt(answer), from, phase.to))
  const good = within.filter(({ outcome }) => outcome === 'good')
  const possiblePerSecond = Math.min(phase.rate, capacityPerSecond)
  const goodPerSecond = good.length / seconds
  return {
    phase: phase.name,
    durationMs: phase.to - phase.from,
    arrivedPerSecond: arrivalRate(reports, phase),
    possiblePerSecond,
    goodPerSecond,
    goodputRatio: goodPerSecond / possiblePerSecond,
    criticalRatio: ratioOf(good.filter(({ kind }) => kind === 'order').length, good.length),
    counts: countOutcomes(within),
    answered: answeredLatencies(within),
    refused: latencies(latenciesOf(within, (outcome) => outcome === 'refused')),
    refusedInside: latencies(
      reports
        .filter(({ at }) => isWithin(at, from, phase.to))
        .flatMap(({ refusedMs }) => refusedMs),
    ),
  }
}

function arrivalRate(reports: readonly ShopReport[], { from, to }: PlayedPhase): number {
  const within = reports.filter(({ at }) => isWithin(at, from, to))
  const first = within[0]
  const last = within.at(-1)
  if (first === undefined || last === undefined || first === last) return 0
  return ((last.arrived - first.arrived) * 1000) / (last.at - first.at)
}

function isWithin(at: number, from: number, to: number): boolean {
  return at >= from && at < to
}

/** Who was not refused expects an answer; who got none in time counts with the deadline. */
export function answeredLatencies(answers: readonly Answer[]): Latencies {
  return latencies(latenciesOf(answers, (outcome) => !isRefusal(outcome)))
}

function isRefusal(outcome: AnswerOutcome): boolean {
  return outcome === 'refused' || outcome === 'refused_late'
}

function ratioOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function countOutcomes(answers: readonly Answer[]): Record<AnswerOutcome, number> {
  const counts = { good: 0, refused: 0, refused_late: 0, failed: 0, timed_out: 0 }
  for (const { outcome } of answers) counts[outcome] += 1
  return counts
}

function latenciesOf(
  answers: readonly Answer[],
  isWanted: (outcome: AnswerOutcome) => boolean,
): number[] {
  return answers.filter(({ outcome }) => isWanted(outcome)).map(({ latencyMs }) => latencyMs)
}

export function latencies(durationsMs: readonly number[]): Latencies {
  if (durationsMs.length === 0) return { p50Ms: undefined, p99Ms: undefined }
  const histogram = createHistogram()
  // The histogram takes whole numbers from 1: microseconds.
  for (const durationMs of durationsMs) histogram.record(Math.max(1, Math.round(durationMs * 1000)))
  return { p50Ms: histogram.percentile(50) / 1000, p99Ms: histogram.percentile(99) / 1000 }
}
