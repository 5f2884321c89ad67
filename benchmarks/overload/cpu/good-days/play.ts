import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '@spillway/example-slow-database/children.ts'
import type { Contestant } from '@spillway/example-slow-database/contestant.ts'
import { median } from '../../../lib/median.ts'
import { startService } from '../play.ts'
import type { ClientStart, DayCounts } from './client.ts'
import type { GoodDay } from './days.ts'

/** One good day of one contestant. */
export interface DayRun {
  readonly day: string
  readonly contestant: string
  readonly round: number
  readonly sent: number
  readonly good: number
  readonly refused: number
  readonly late: number
  readonly goodP99Ms: number | undefined
}

export interface GoodDaysOptions {
  readonly days: readonly GoodDay[]
  readonly contestants: readonly Contestant[]
  readonly rounds: number
  readonly iterationsPerMs: number
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/** Whoever is first in one round is last in the next: the machine's mood is the same for everybody. */
export async function playGoodDays(options: GoodDaysOptions): Promise<readonly DayRun[]> {
  const { days, contestants, rounds, say } = options
  const runs: DayRun[] = []
  for (let round = 1; round <= rounds; round += 1) {
    for (const day of days) {
      for (const contestant of round % 2 === 0 ? contestants.toReversed() : contestants) {
        const run = await playDay(day, contestant, round, options)
        runs.push(run)
        say(
          `${day.name}, round ${round}, ${run.contestant}: ${run.good} good, ${run.refused} refused`,
        )
      }
    }
  }
  return runs
}

/** Code that has run is faster than code that has not. */
const warmUp: GoodDay = {
  name: 'warm-up',
  durationMs: 1000,
  connections: 4,
  arrivals: [],
  pool: { clients: 4, workMs: 0.3 },
}
const pauseMs = 200

async function playDay(
  day: GoodDay,
  contestant: Contestant,
  round: number,
  { iterationsPerMs, signal }: GoodDaysOptions,
): Promise<DayRun> {
  signal.throwIfAborted()
  const service = await startService({ contestant, iterations: Math.round(iterationsPerMs) })
  try {
    await clientsOf({ url: `${service.url}/items`, day: warmUp })
    await sleep(pauseMs, undefined, { signal })
    const { latenciesMs, ...counts } = await Promise.race([
      clientsOf({ url: `${service.url}/items`, day }),
      service.child.failed,
    ])
    const goodP99Ms = latenciesMs.toSorted((a, b) => a - b)[Math.floor(0.99 * latenciesMs.length)]
    return { day: day.name, contestant: contestant.name, round, ...counts, goodP99Ms }
  } finally {
    await service.child.stop()
  }
}

async function clientsOf(start: ClientStart): Promise<DayCounts> {
  const module = new URL('./client.ts', import.meta.url)
  const child = startChild<DayCounts>('the clients', module, start)
  try {
    const counts = new Promise<DayCounts>((resolve) => {
      child.onMessage(resolve)
    })
    return await Promise.race([counts, child.failed])
  } finally {
    await child.stop()
  }
}

/** A line for each day and contestant, medians over the rounds; the bare process is what counts. */
export function goodDaysTable(runs: readonly DayRun[]): readonly (readonly string[])[] {
  const of = (day: string, contestant: string, figure: (run: DayRun) => number | undefined) =>
    median(
      runs
        .filter((run) => run.day === day && run.contestant === contestant)
        .map(figure)
        .filter((value) => value !== undefined),
    )
  const header = ['', '', 'sent', 'good', "of bare's", 'refused', 'late', 'p99 good']
  const days = [...new Set(runs.map(({ day }) => day))]
  const names = [...new Set(runs.map(({ contestant }) => contestant))]
  const lines = days.flatMap((day) =>
    names.map((name, index) => {
      const good = of(day, name, (run) => run.good) ?? 0
      const bare = of(day, 'bare', (run) => run.good)
      return [
        index === 0 ? day : '',
        name,
        whole(of(day, name, ({ sent }) => sent)),
        whole(good),
        bare === undefined ? '-' : (good / bare).toFixed(3),
        whole(of(day, name, ({ refused }) => refused)),
        whole(of(day, name, ({ late }) => late)),
        `${whole(of(day, name, ({ goodP99Ms }) => goodP99Ms))} ms`,
      ]
    }),
  )
  return [header, ...lines]
}

function whole(value: number | undefined): string {
  return value?.toFixed(0) ?? '-'
}
