import { answeredAt } from '@spillway/example-slow-database/load/answer.ts'
import type { Capacity } from '@spillway/example-slow-database/result.ts'
import { capacityOf } from '@spillway/example-slow-database/result.ts'
import type { PlayedPhase } from '@spillway/example-slow-database/story.ts'
import type { Score } from '../score.ts'
import { score } from '../score.ts'
import { mergeReports } from './merge-reports.ts'
import type { FleetRecording } from './recording.ts'

/** As of one process, over all of them, and how even they were while the database was slow. */
export interface FleetScore extends Score {
  /** Good answers of each process while the database was slow. */
  readonly served: readonly number[]
  /** The least of them relative to the most. */
  readonly leastToMostRatio: number
}

export function fleetScore(recording: FleetRecording, capacities: readonly Capacity[]): FleetScore {
  const { name, phases, answers } = recording
  const reports = mergeReports(recording.reports)
  const slow = phases.filter(
    (phase) => phase.isCounted && phase.rate > capacityOf(phase, capacities),
  )
  const served = servedWithin(recording, slow)
  const most = Math.max(0, ...served)
  return {
    ...score({ name, phases, answers, reports, sent: answers.length }, capacities),
    served,
    leastToMostRatio: most === 0 ? 0 : Math.min(...served) / most,
  }
}

function servedWithin(
  { urls, streams, answers }: FleetRecording,
  phases: readonly PlayedPhase[],
): number[] {
  const served = urls.map(() => 0)
  for (const answer of answers) {
    const at = answeredAt(answer)
    if (answer.outcome !== 'good' || !phases.some(({ from, to }) => at >= from && at < to)) continue
    served[urls.indexOf(streams[answer.stream]!.url)]! += 1
  }
  return served
}
