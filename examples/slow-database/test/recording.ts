import type { Answer } from '../src/load/answer.ts'
import type { PlayedPhase } from '../src/story.ts'

export function answer(partial: Partial<Answer> = {}): Answer {
  return { kind: 'browse', outcome: 'good', sentAt: 0, latencyMs: 10, ...partial }
}

/** As many answers a second as said, evenly spread. */
export function steadyAnswers(
  from: number,
  to: number,
  perSecond: number,
  partial: Partial<Answer> = {},
): Answer[] {
  const count = Math.round(((to - from) * perSecond) / 1000)
  return Array.from({ length: count }, (_, index) =>
    answer({ latencyMs: 0, sentAt: from + (index * 1000) / perSecond, ...partial }),
  )
}

export function playedPhase(partial: Partial<PlayedPhase> = {}): PlayedPhase {
  return {
    name: 'slow',
    durationMs: 10_000,
    storage: { slots: 8, holdMs: 200 },
    rate: 300,
    isCounted: true,
    from: 0,
    to: 10_000,
    ...partial,
  }
}
