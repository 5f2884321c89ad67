import { sharedNow } from '../clock.ts'
import type { Plan } from '../plan.ts'
import { totalMs } from '../plan.ts'
import type { Scene } from '../story.ts'
import { milliseconds } from '../verdict.ts'
import { columns } from './columns.ts'
import type { Snapshot } from './snapshot.ts'
import { snapshot } from './snapshot.ts'

/** Shows the story while it is played. */
export interface View {
  scene(scene: Scene): void
  /** Stops drawing and leaves the terminal as it was. */
  close(): void
}

type Write = (text: string) => void

const drawEveryMs = 250
const lineEveryMs = 1000
const barWidth = 40

const header = [
  'service',
  'good/s',
  'p99',
  'shed/s',
  'timeouts/s',
  'limit',
  'in flight',
  'waiting',
] as const

/** A block of lines that is drawn over itself. */
export function liveView(plan: Plan, write: Write): View {
  let scene: Scene | undefined
  let drawn = 0
  const startedAt = sharedNow()
  const draw = (): void => {
    if (scene === undefined) return
    const now = sharedNow()
    const lines = [progress(scene, now - startedAt, totalMs(plan)), '', ...table(scene, now)]
    write(`${drawn === 0 ? hideCursor : cursorUp(drawn)}${lines.map(clearedLine).join('')}`)
    drawn = lines.length
  }
  const timer = setInterval(draw, drawEveryMs)
  return {
    scene: (next) => {
      scene = next
      draw()
    },
    close: () => {
      clearInterval(timer)
      if (drawn > 0) write(showCursor)
      drawn = 0
    },
  }
}

/** A line a second and service, for logs. */
export function plainView(plan: Plan, write: Write): View {
  let scene: Scene | undefined
  const startedAt = sharedNow()
  const timer = setInterval(() => {
    if (scene === undefined) return
    const now = sharedNow()
    const elapsed = `${((now - startedAt) / 1000).toFixed(0)}/${(totalMs(plan) / 1000).toFixed(0)} s`
    for (const contestant of scene.contestants) {
      write(`${elapsed} ${scene.phase.name}: ${plainLine(snapshot(contestant, now))}\n`)
    }
  }, lineEveryMs)
  return {
    scene: (next) => {
      scene = next
    },
    close: () => {
      clearInterval(timer)
    },
  }
}

function plainLine(one: Snapshot): string {
  const cells = row(one)
  return header
    .map((title, index) => (index === 0 ? cells[0] : `${title} ${cells[index]}`))
    .join(', ')
}

function table(scene: Scene, now: number): string[] {
  const rows = scene.contestants.map((contestant) => row(snapshot(contestant, now)))
  return columns([header, ...rows])
}

function row({ name, report, ...figures }: Snapshot): string[] {
  const limiter = report?.limiter
  return [
    name,
    String(figures.goodPerSecond),
    milliseconds(figures.p99Ms),
    String(figures.refusedPerSecond),
    String(figures.timedOutPerSecond),
    limiter === undefined ? '-' : String(limiter.limit),
    String(limiter?.inFlight ?? report?.running ?? 0),
    String(limiter?.queued ?? report?.poolWaiting ?? 0),
  ]
}

function progress({ phase }: Scene, elapsedMs: number, wholeMs: number): string {
  const done = Math.min(1, elapsedMs / wholeMs)
  const filled = Math.round(done * barWidth)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`
  const { holdMs } = phase.storage
  const left = Math.max(0, (wholeMs - elapsedMs) / 1000).toFixed(0)
  return `${bar} ${left} s left · ${phase.name}: a query takes ${holdMs} ms, ${phase.rate} requests/s`
}

const escape = '\u001B['
const hideCursor = `${escape}?25l`
const showCursor = `${escape}?25h`

function cursorUp(lines: number): string {
  return `${escape}${lines}A`
}

function clearedLine(line: string): string {
  return `${escape}2K${line}\n`
}
