import type { Summary } from '@spillway/example-slow-database/accounting/summary.ts'
import { answeredAt } from '@spillway/example-slow-database/load/answer.ts'
import { mix } from '@spillway/example-slow-database/plan.ts'
import type { Capacity } from '@spillway/example-slow-database/result.ts'
import type { PlayedPhase, Recording } from '@spillway/example-slow-database/story.ts'
import type { Score } from '../score.ts'
import { score } from '../score.ts'

/** One phase under load, as a part of what is possible. */
export interface StepScore {
  readonly phase: string
  readonly goodPerSecond: number
  readonly goodputRatio: number
  /** Good orders as a part of those that were sent, or of all that the process can do. */
  readonly criticalRatio: number
  readonly answeredP99Ms: number | undefined
  readonly refused: number
  /** Coefficient of variation of the good answers in each second. */
  readonly variation: number
}

export interface CpuScore extends Score {
  readonly steps: readonly StepScore[]
}

export function cpuScore(recording: Recording, capacities: readonly Capacity[]): CpuScore {
  const whole = score(recording, capacities)
  const counted = recording.phases.filter(({ isCounted }) => isCounted)
  return {
    ...whole,
    steps: whole.phases.map((summary, index) => stepScore(summary, counted[index]!, recording)),
  }
}

function stepScore(summary: Summary, phase: PlayedPhase, recording: Recording): StepScore {
  const { goodPerSecond, goodputRatio, possiblePerSecond, counts } = summary
  const possibleCritical = Math.min(phase.rate * mix.order, possiblePerSecond)
  return {
    phase: phase.name,
    goodPerSecond,
    goodputRatio,
    criticalRatio: (goodPerSecond * summary.criticalRatio) / possibleCritical,
    answeredP99Ms: summary.answered.p99Ms,
    refused: counts.refused + counts.refused_late,
    variation: variation(goodBySecond(phase, recording)),
  }
}

/** Whole seconds only. */
function goodBySecond({ from, to }: PlayedPhase, { answers }: Recording): number[] {
  const counts = Array.from({ length: Math.floor((to - from) / 1000) }, () => 0)
  for (const answer of answers) {
    const second = Math.floor((answeredAt(answer) - from) / 1000)
    if (answer.outcome === 'good' && second in counts) counts[second]! += 1
  }
  return counts
}

/** Standard deviation as a part of the mean; 0 of nothing. */
export function variation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (!(mean > 0)) return 0
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return Math.sqrt(squares / values.length) / mean
}
