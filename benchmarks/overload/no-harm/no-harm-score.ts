import type { AnswerOutcome } from '@spillway/example-slow-database/load/answer.ts'
import type { ShopReport } from '@spillway/example-slow-database/shop/process.ts'
import { median } from '../../lib/median.ts'
import type { NoHarmRecording } from './recording.ts'
import type { NoHarmScenario } from './scenarios.ts'
import type { Kind } from './streams.ts'
import { kinds } from './streams.ts'

/** What became of the requests of one kind that were sent in the counted phase. */
export type KindCounts = Readonly<Record<AnswerOutcome | 'sent', number>>

export interface NoHarmScore {
  readonly kinds: Readonly<Partial<Record<Kind, KindCounts>>>
  /** Parts that were served in time, in the order of the scenario's `judged`. */
  readonly servedRatios: readonly number[]
  readonly sentPerSecond: number
  /** Requests a second that reached the service, the crowd's included: proof of the load. */
  readonly arrivedPerSecond: number
  /** Requests that the service had open at once (median): proof of the crowd. */
  readonly open: number
  readonly turnedAway: number
}

/** Counts requests by when they were sent: whoever came in the counted phase. */
export function noHarmScore(scenario: NoHarmScenario, recording: NoHarmRecording): NoHarmScore {
  const { phases, answers, reports, turnedAway } = recording
  const { from, to } = phases.find(({ isCounted }) => isCounted)!
  const counts = new Map<Kind, Record<keyof KindCounts, number>>()
  for (const { kind, outcome, sentAt } of answers) {
    if (sentAt < from || sentAt >= to) continue
    const own = counts.get(kind) ?? nothing()
    own.sent += 1
    own[outcome] += 1
    counts.set(kind, own)
  }
  const sent = [...counts.values()].reduce((sum, one) => sum + one.sent, 0)
  const within = reports.filter(({ at }) => at >= from && at < to)
  return {
    kinds: Object.fromEntries(
      kinds.filter((kind) => counts.has(kind)).map((kind) => [kind, counts.get(kind)!]),
    ),
    servedRatios: scenario.judged.map((judged) =>
      servedRatio(judged.kinds.map((kind) => counts.get(kind) ?? nothing())),
    ),
    sentPerSecond: (1000 * sent) / (to - from),
    arrivedPerSecond: arrivalRate(within),
    open: median(within.map(({ open }) => open)) ?? 0,
    turnedAway,
  }
}

function arrivalRate(reports: readonly ShopReport[]): number {
  const [first, last] = [reports[0], reports.at(-1)]
  if (first === undefined || last === undefined || first === last) return 0
  return (1000 * (last.arrived - first.arrived)) / (last.at - first.at)
}

function nothing(): Record<keyof KindCounts, number> {
  return { sent: 0, good: 0, refused: 0, refused_late: 0, failed: 0, timed_out: 0 }
}

/** Nobody who came was served no better than nobody who was served. */
function servedRatio(counts: readonly KindCounts[]): number {
  const sum = (of: keyof KindCounts): number => counts.reduce((total, one) => total + one[of], 0)
  return sum('sent') === 0 ? 0 : sum('good') / sum('sent')
}
