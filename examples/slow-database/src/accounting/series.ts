import type { Answer } from '../load/answer.ts'
import { answeredAt } from '../load/answer.ts'
import type { Recording } from '../story.ts'
import type { ShopReport } from '../shop/process.ts'

/** A tenth of a second of one contestant. */
export interface SeriesPoint {
  /** Milliseconds since the start of the first phase. */
  readonly atMs: number
  readonly phase: string
  sent: number
  good: number
  goodCritical: number
  refused: number
  failed: number
  timedOut: number
  /** Of the service itself, at the end of this tenth of a second. */
  report?: Omit<ShopReport, 'at' | 'refusedMs'>
}

const stepMs = 100

/** The whole story, tenth of a second by tenth of a second. */
export function timeSeries({ phases, answers, reports }: Recording): SeriesPoint[] {
  const from = phases[0]?.from ?? 0
  const to = phases.at(-1)?.to ?? 0
  const points = Array.from({ length: Math.ceil((to - from) / stepMs) }, (_, index) =>
    emptyPoint(index * stepMs, phaseNameAt(phases, from + index * stepMs)),
  )
  const at = (time: number): SeriesPoint | undefined => points[Math.floor((time - from) / stepMs)]
  for (const answer of answers) {
    const sent = at(answer.sentAt)
    if (sent !== undefined) sent.sent += 1
    addAnswer(at(answeredAt(answer)), answer)
  }
  // oxlint-disable-next-line no-unused-vars -- taken out of the report
  for (const { at: time, refusedMs: _, ...report } of reports) {
    const point = at(time)
    if (point !== undefined) point.report = report
  }
  return points
}

function emptyPoint(atMs: number, phase: string): SeriesPoint {
  return { atMs, phase, sent: 0, good: 0, goodCritical: 0, refused: 0, failed: 0, timedOut: 0 }
}

function phaseNameAt(phases: Recording['phases'], time: number): string {
  return phases.findLast(({ from }) => from <= time)?.name ?? ''
}

function addAnswer(point: SeriesPoint | undefined, { outcome, kind }: Answer): void {
  if (point === undefined) return
  switch (outcome) {
    case 'good':
      point.good += 1
      if (kind === 'order') point.goodCritical += 1
      return
    case 'refused':
    case 'refused_late':
      point.refused += 1
      return
    case 'failed':
      point.failed += 1
      return
    case 'timed_out':
      point.timedOut += 1
      return
    default:
      outcome satisfies never
  }
}
