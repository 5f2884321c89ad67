import type { RunningContestant } from '../contestant.ts'
import { latencies } from '../accounting/summary.ts'
import { answeredAt } from '../load/answer.ts'
import type { ShopReport } from '../shop/process.ts'

/** One contestant during the last second. */
export interface Snapshot {
  readonly name: string
  readonly goodPerSecond: number
  readonly p99Ms: number | undefined
  readonly refusedPerSecond: number
  readonly timedOutPerSecond: number
  readonly report: ShopReport | undefined
}

const windowMs = 1000
/** Answers of the last second are among the last so many, at any rate that fits this machine. */
const mostAnswers = 5000

export function snapshot({ name, answers, reports }: RunningContestant, now: number): Snapshot {
  const recent = answers.slice(-mostAnswers).filter((answer) => answeredAt(answer) > now - windowMs)
  const good = recent.filter(({ outcome }) => outcome === 'good')
  return {
    name,
    goodPerSecond: good.length,
    p99Ms: latencies(good.map(({ latencyMs }) => latencyMs)).p99Ms,
    refusedPerSecond: recent.filter(({ outcome }) => outcome.startsWith('refused')).length,
    timedOutPerSecond: recent.filter(({ outcome }) => outcome === 'timed_out').length,
    report: reports.at(-1),
  }
}
