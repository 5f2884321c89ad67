import { summarise } from '@spillway/example-slow-database/accounting/summary.ts'
import { answeredAt } from '@spillway/example-slow-database/load/answer.ts'
import type { Capacity } from '@spillway/example-slow-database/result.ts'
import { capacityOf } from '@spillway/example-slow-database/result.ts'
import type { PlayedPhase } from '@spillway/example-slow-database/story.ts'
import type { Score } from '../score.ts'
import { score } from '../score.ts'
import type { FleetRecording } from './recording.ts'

/** As of one process, over all of them, and how even they were while the database was slow. */
export interface FleetScore extends Score {
  /** Good answers of each process while the database was slow. */
  readonly served: readonly number[]
  /** The least of them relative to the most. */
  readonly leastToMostRatio: number
  /** Requests a second that reached the processes while it was slow: proof of the load. */
  readonly arrivedPerSecond: number
}

export function fleetScore(recording: FleetRecording, capacities: readonly Capacity[]): FleetScore {
  const { name, phases, answers } = recording
  const whole = { name, phases, answers, reports: [], sent: answers.length }
  const slow = phases.find((phase) => phase.isCounted && phase.rate > capacityOf(phase, capacities))
  const served = slow === undefined ? [] : servedWithin(recording, slow)
  const most = Math.max(0, ...served)
  return {
    ...score(whole, capacities),
    served,
    leastToMostRatio: most === 0 ? 0 : Math.min(...served) / most,
    arrivedPerSecond: slow === undefined ? 0 : arrivedPerSecond(recording, slow),
  }
}

function servedWithin({ urls, streams, answers }: FleetRecording, phase: PlayedPhase): number[] {
  const served = urls.map(() => 0)
  for (const answer of answers) {
    const at = answeredAt(answer)
    if (answer.outcome !== 'good' || at < phase.from || at >= phase.to) continue
    served[urls.indexOf(streams[answer.stream]!.url)]! += 1
  }
  return served
}

function arrivedPerSecond({ reports }: FleetRecording, phase: PlayedPhase): number {
  return reports
    .map((own) => summarise(phase, { answers: [], reports: own }, 0).arrivedPerSecond)
    .reduce((sum, perSecond) => sum + perSecond, 0)
}
