import type { Latencies, Summary } from './accounting/summary.ts'

/** One thing that the protected service has to reach. */
export interface Bar {
  readonly what: string
  readonly wanted: string
  readonly measured: string
  readonly isMet: boolean
}

export interface Outcome {
  readonly slow: Summary
  /** Of all phases; see `Summary.answered`. */
  readonly answered: Latencies
  /** Undefined: not back before the story ended. */
  readonly recoveryMs: number | undefined
  readonly deadlineMs: number
}

const goodputRatio = 0.95
const criticalRatio = 0.92
const longestRecoveryMs = 1000
const longestRefusalMs = 5

/** What the story is about, as figures that can be missed. */
export function judge({ slow, answered, recoveryMs, deadlineMs }: Outcome): Bar[] {
  const { p99Ms } = answered
  const refusalMs = slow.refusedInside.p99Ms
  return [
    {
      what: 'goodput while slow, of possible',
      wanted: `>= ${goodputRatio}`,
      measured: slow.goodputRatio.toFixed(3),
      isMet: slow.goodputRatio >= goodputRatio,
    },
    {
      what: 'orders among the good answers while slow',
      wanted: `>= ${criticalRatio}`,
      measured: slow.criticalRatio.toFixed(3),
      isMet: slow.criticalRatio >= criticalRatio,
    },
    {
      what: 'p99 of what was not refused, timeouts included, all phases',
      wanted: `< ${deadlineMs} ms`,
      measured: milliseconds(p99Ms),
      isMet: p99Ms !== undefined && p99Ms < deadlineMs,
    },
    {
      what: 'back to 95 % after',
      wanted: `<= ${longestRecoveryMs} ms`,
      measured: recoveryMs === undefined ? 'never' : milliseconds(recoveryMs),
      isMet: recoveryMs !== undefined && recoveryMs <= longestRecoveryMs,
    },
    {
      what: 'p99 of a refusal, inside the service',
      wanted: `<= ${longestRefusalMs} ms`,
      measured: milliseconds(refusalMs),
      isMet: refusalMs !== undefined && refusalMs <= longestRefusalMs,
    },
  ]
}

/** Of the healthy load, an idle machine lets even the bare shop answer nearly all. */
const healthyRatio = 0.9

/** Why the figures prove nothing, when the machine could not even do what needs no Spillway. */
export function doubt(bareHealthy: Summary): string | undefined {
  const answeredRatio = bareHealthy.goodputRatio
  if (answeredRatio >= healthyRatio) return undefined
  const answered = (answeredRatio * 100).toFixed(0)
  return `This machine is too busy for these figures: before anything was slow, the bare shop answered ${answered} % of the possible.`
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined) return '-'
  return `${value < 100 ? value.toFixed(1) : value.toFixed(0)} ms`
}
