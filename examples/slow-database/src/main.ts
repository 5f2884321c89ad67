import { open, writeFile } from 'node:fs/promises'
import type { Arguments } from './arguments.ts'
import { parseArguments, usage } from './arguments.ts'
import type { Contestant } from './contestant.ts'
import type { ShopDatabase, Storage } from './database/database.ts'
import { computedCapacity, startShopDatabase } from './database/database.ts'
import { interruption } from './interruption.ts'
import type { Plan } from './plan.ts'
import { slowDatabasePlan } from './plan.ts'
import type { Capacity, ContestantResult } from './result.ts'
import { contestantResult, machine } from './result.ts'
import { playStory } from './story.ts'
import { doubt, judge } from './verdict.ts'
import { liveView, plainView } from './view/live.ts'
import { barTable, resultTable } from './view/table.ts'
import { failureText, UsageError } from './usage-error.ts'

const exitCodes = { met: 0, missed: 1, failed: 2, interrupted: 130 } as const

const contestants: readonly Contestant[] = [
  { name: 'bare', module: new URL('./shop/bare.ts', import.meta.url) },
  { name: 'with Spillway', module: new URL('./shop/spillway.ts', import.meta.url) },
]

const write = (text: string): void => {
  process.stdout.write(text)
}

const say = (...lines: readonly string[]): void => {
  write(`${lines.join('\n')}\n`)
}

async function main(): Promise<number> {
  const args = parseArguments(process.argv.slice(2))
  if (args.isHelp) {
    write(usage)
    return exitCodes.met
  }
  if (args.jsonFile !== undefined) await requireWritable(args.jsonFile)
  const interrupted = interruption()
  try {
    return await demo(args, interrupted)
  } catch (error) {
    if (interrupted.aborted) return exitCodes.interrupted
    throw error
  }
}

/** Asked before the story begins: at its end all figures would be lost. */
async function requireWritable(file: string): Promise<void> {
  try {
    const handle = await open(file, 'a')
    await handle.close()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(
      `Option --json needs a file that can be written, ${file} can not (${code}).`,
    )
  }
}

async function demo(args: Arguments, signal: AbortSignal): Promise<number> {
  const plan = slowDatabasePlan(args)
  const [healthy, slow] = ['healthy', 'slow'].map(
    (name) => plan.phases.find((phase) => phase.name === name)!.storage,
  ) as [Storage, Storage]
  say('Starting PostgreSQL and filling a shop …')
  const database = await startShopDatabase(healthy)
  try {
    signal.throwIfAborted()
    const capacities = [await measure(database, healthy), await measure(database, slow)]
    say(...capacities.map(capacityLine), '')
    signal.throwIfAborted()
    return await play(args, plan, database, capacities, signal)
  } finally {
    await database.stop()
  }
}

/** Rounds of all slots that a measurement takes. */
const measuredRounds = 10

async function measure(database: ShopDatabase, storage: Storage): Promise<Capacity> {
  const queries = storage.slots * measuredRounds
  return {
    storage,
    measuredPerSecond: await database.measureCapacity(storage, queries),
    computedPerSecond: computedCapacity(storage),
  }
}

function capacityLine({ storage, measuredPerSecond, computedPerSecond }: Capacity): string {
  const measured = measuredPerSecond.toFixed(0)
  return `With queries of ${storage.holdMs} ms it answers ${measured} a second (at most ${computedPerSecond.toFixed(0)}).`
}

async function play(
  args: Arguments,
  plan: Plan,
  database: ShopDatabase,
  capacities: readonly Capacity[],
  signal: AbortSignal,
): Promise<number> {
  const isLive = !args.isHeadless && process.stdout.isTTY
  const view = isLive ? liveView(plan, write) : plainView(plan, write)
  let results: ContestantResult[]
  try {
    const recordings = await playStory({
      database,
      plan,
      contestants,
      signal,
      onPhase: (scene) => {
        view.scene(scene)
      },
    })
    results = recordings.map((recording) => contestantResult(recording, capacities))
  } finally {
    view.close()
  }
  return conclude(args, plan, capacities, results)
}

async function conclude(
  args: Arguments,
  plan: Plan,
  capacities: readonly Capacity[],
  results: readonly ContestantResult[],
): Promise<number> {
  const protectedResult = results[1]!
  const slow = protectedResult.summaries.find(({ phase }) => phase === 'slow')!
  const { answered, recoveryMs } = protectedResult
  const bars = judge({ slow, answered, recoveryMs, deadlineMs: plan.deadlineMs })
  const isMet = bars.every((bar) => bar.isMet)
  say('', ...resultTable(results), 'With Spillway:', ...barTable(bars))
  const reservation = doubt(results[0]!.summaries.find(({ phase }) => phase === 'healthy')!)
  if (reservation !== undefined) say('', reservation)
  if (args.jsonFile !== undefined) {
    const all = { machine: machine(), plan, capacities, isMet, bars, results }
    await writeFile(args.jsonFile, `${JSON.stringify(all)}\n`)
  }
  return isMet ? exitCodes.met : exitCodes.missed
}

/** One sentence, and the reason behind it. */
function explain(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC')
    return 'The demo needs about 150 MB for its database, and the disk is full.'
  return failureText('The demo', error)
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = exitCodes.failed
}
