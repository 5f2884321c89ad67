import type { CountingClock } from './counting-clock.ts'
import type { Service } from './service.ts'

/** How the service stands at one moment, after a full collection. */
export interface Sample {
  readonly atMs: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
  /** Pending timers of the limiters and the guard. */
  readonly spillwayTimers: number
  /** Whatever keeps the process alive, by type. */
  readonly resources: Readonly<Record<string, number>>
  readonly door: Room
  readonly guard: Room & { readonly running: number; readonly abandoned: number }
}

interface Room {
  readonly limit: number
  readonly inFlight: number
  readonly queued: number
  readonly admitted: number
  readonly refused: number
}

/** Needs `--expose-gc`. */
export function takeSample({ app, stock }: Service, clock: CountingClock, atMs: number): Sample {
  // The second collects what finalizers of the first have let go.
  globalThis.gc!()
  globalThis.gc!()
  const { heapUsed, rss } = process.memoryUsage()
  const { running, abandoned } = stock.stats()
  return {
    atMs: Math.round(atMs),
    heapUsedBytes: heapUsed,
    rssBytes: rss,
    spillwayTimers: clock.pendingTimers,
    resources: countEach(process.getActiveResourcesInfo()),
    door: roomOf(app.limiters.default.stats()),
    guard: { ...roomOf(stock.stats()), running, abandoned },
  }
}

function roomOf(stats: ReturnType<Service['stock']['stats']> | DoorStats): Room {
  const { limit, inFlight, queued, admitted, refused } = stats
  return {
    limit,
    inFlight,
    queued,
    admitted: sum(Object.values(admitted)),
    refused: sum(Object.values(refused).flatMap((reasons) => Object.values(reasons))),
  }
}

type DoorStats = ReturnType<Service['app']['limiters']['default']['stats']>

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function countEach(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

export function line({
  atMs,
  heapUsedBytes,
  resources,
  door,
  guard,
  spillwayTimers,
}: Sample): string {
  const seconds = String(Math.round(atMs / 1000)).padStart(5)
  const active = sum(Object.values(resources))
  return `${seconds} s  heap ${megabytes(heapUsedBytes)} MB  resources ${active}  timers ${spillwayTimers}  door ${roomText(door)}  guard ${roomText(guard)} abandoned ${guard.abandoned}`
}

function roomText({ inFlight, limit, queued, admitted, refused }: Room): string {
  return `${inFlight}/${limit} +${queued} (${admitted} in, ${refused} refused)`
}

export function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(2)
}
