import type { Answer } from '../load/answer.ts'
import { answeredAt } from '../load/answer.ts'

const stepMs = 100
const windowMs = 1000

/** Back means: so much of the possible. */
export const recoveredRatio = 0.95

/**
 * How long after `from` the goodput was back: the first tenth of a second from which a whole second
 * reaches 95 % of the possible. Undefined: not until `to`.
 */
export function recoveryMs(
  answers: readonly Answer[],
  from: number,
  to: number,
  possiblePerSecond: number,
): number | undefined {
  const perStep = countGood(answers, from, to)
  const wanted = (recoveredRatio * possiblePerSecond * windowMs) / 1000
  const steps = windowMs / stepMs
  for (let start = 0; start + steps <= perStep.length; start += 1) {
    const good = perStep.slice(start, start + steps).reduce((sum, count) => sum + count, 0)
    if (good >= wanted) return start * stepMs
  }
  return undefined
}

function countGood(answers: readonly Answer[], from: number, to: number): number[] {
  const perStep = Array.from({ length: Math.max(0, Math.floor((to - from) / stepMs)) }, () => 0)
  for (const answer of answers) {
    const step = Math.floor((answeredAt(answer) - from) / stepMs)
    if (answer.outcome === 'good' && step >= 0 && step < perStep.length) perStep[step]! += 1
  }
  return perStep
}
