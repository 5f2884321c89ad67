import { megabytes } from './sample.ts'
import type { Sample } from './sample.ts'

/** What was found, and what of it is too much. */
export interface Verdict {
  /** By linear regression over the samples after the warm-up. */
  readonly slopeBytesPerMinute: number
  /** From the quiet moment after the warm-up to that at the end. */
  readonly growthBytes: number
  readonly requests: number
  /** One sentence for each thing that is wrong. */
  readonly leaks: readonly string[]
}

/**
 * At twice the capacity of 200 calls a second the service is asked 24 000 times a minute. The
 * smallest thing that can be leaked for each request (a number in a map, a listener in a list) is
 * some 30 bytes: 0.7 MB a minute. Half of that is seven times the standard error of the slope over
 * ten minutes, which is 0.05 MB: the heap wavers by 0.8 MB from sample to sample with who waits.
 */
export const maxSlopeBytesPerMinute = 350_000
/**
 * What code that runs for the first time late, its type feedback and pools may add: 0.9 MB were seen
 * in ten minutes, over 200 000 requests. 30 bytes for each of them would be 6 MB.
 */
export const maxGrowthBytes = 2_000_000
/** A regression over less says nothing: the first minutes are those in which code is compiled. */
const shortestJudgedMs = 180_000

/** Two minutes, or a fifth of a run that is short. */
export function warmUpMs(durationMs: number): number {
  return Math.min(120_000, durationMs / 5)
}

/** What was seen of one run. */
export interface Observation {
  /** Before the first request. */
  readonly base: Sample
  /** All is quiet after the warm-up, and again at the end. */
  readonly start: Sample
  readonly end: Sample
  /** Under load; those of the warm-up, too. */
  readonly loaded: readonly Sample[]
}

export function judge({ base, start, end, loaded }: Observation): Verdict {
  const warm = loaded.filter(({ atMs }) => atMs > start.atMs)
  const slopeBytesPerMinute = slope(warm)
  const growthBytes = end.heapUsedBytes - start.heapUsedBytes
  const isSlopeJudged = end.atMs - start.atMs >= shortestJudgedMs
  const leaks = [
    ...leftBehind(base, start),
    ...leftBehind(base, end),
    ...tooMuch(
      'under load, a minute',
      isSlopeJudged ? slopeBytesPerMinute : 0,
      maxSlopeBytesPerMinute,
    ),
    ...tooMuch('from one quiet moment to the other', growthBytes, maxGrowthBytes),
  ]
  const requests = end.door.admitted + end.door.refused
  return { slopeBytesPerMinute, growthBytes, requests, leaks }
}

function tooMuch(what: string, bytes: number, max: number): readonly string[] {
  if (bytes <= max) return []
  return [`The heap grew by ${megabytes(bytes)} MB ${what}; at most ${megabytes(max)} are no leak.`]
}

function leftBehind(base: Sample, last: Sample): readonly string[] {
  const { door, guard, spillwayTimers } = last
  const counts: Readonly<Record<string, number>> = {
    'in flight at the door': door.inFlight,
    'in the queue of the door': door.queued,
    'in flight at the guard': guard.inFlight,
    'in the queue of the guard': guard.queued,
    'running behind the guard': guard.running,
    'timers of Spillway': spillwayTimers,
  }
  const own = Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([what, count]) => `${count} ${what} after ${seconds(last)}.`)
  return [...own, ...moreResources(base, last)]
}

function moreResources(base: Sample, last: Sample): readonly string[] {
  return Object.entries(last.resources)
    .filter(([type, count]) => count > (base.resources[type] ?? 0))
    .map(
      ([type, count]) =>
        `${count} ${type} after ${seconds(last)}, ${base.resources[type] ?? 0} before.`,
    )
}

function seconds({ atMs }: Sample): string {
  return `${Math.round(atMs / 1000)} s`
}

/** Bytes a minute, by least squares. */
function slope(samples: readonly Sample[]): number {
  if (samples.length < 3) return 0
  const points = samples.map(({ atMs, heapUsedBytes }) => [atMs / 60_000, heapUsedBytes] as const)
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  const covariance = mean(points.map(([x, y]) => (x - meanX) * (y - meanY)))
  return covariance / mean(points.map(([x]) => (x - meanX) ** 2))
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length
}
