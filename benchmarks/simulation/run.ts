import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CliOptions } from './cli-options.ts'
import { parseCli, usage } from './cli-options.ts'
import { contestants } from './contestants.ts'
import { details, table } from './report.ts'
import { scenarios } from './scenarios/index.ts'
import type { TaskResult } from './task.ts'
import { findVariant, listTasks } from './task.ts'
import { runInThreads } from './thread-pool.ts'
import { trace } from './trace.ts'

async function main(): Promise<void> {
  const options = parseCli(process.argv.slice(2))
  if (options === undefined) {
    process.stdout.write(usage)
    return
  }
  if (listTasks(options).length === 0) {
    throw new Error(
      `None of the chosen scenarios has a variant with '${options.variant}' in its name.`,
    )
  }
  if (options.trace) await runTraces(options)
  else await runTable(options)
}

async function runTraces(options: CliOptions): Promise<void> {
  const [seed] = options.seeds
  for (const task of listTasks({ ...options, seeds: [seed!] })) {
    print(`# ${task.scenarioId} ${task.variant}, ${task.limit}, seed ${task.seed}`)
    const contestant = contestants.find(({ name }) => name === task.limit)!
    await trace(
      findVariant(task.scenarioId, task.variant),
      contestant,
      task.seed,
      task.noQueue,
      print,
    )
  }
}

async function runTable(options: CliOptions): Promise<void> {
  const tasks = listTasks(options)
  const startedAt = performance.now()
  const results = await runInThreads(tasks, options.workers, (result, done) => {
    progress(`${done} of ${tasks.length}: scenario ${result.scenarioId}, ${result.limit}`)
  })
  progress('')
  const shown = scenarios.filter(({ id }) => options.scenarioIds.includes(id))
  if (options.verbose) print(`${details(results)}\n`)
  print(table(shown, options.limits, results))
  print(speed(results, performance.now() - startedAt))
  if (options.jsonFile !== undefined) writeJson(options.jsonFile, options, results)
}

function speed(results: readonly TaskResult[], tookMs: number): string {
  const events = results.reduce((sum, result) => sum + result.events, 0)
  const seconds = (tookMs / 1000).toFixed(0)
  return `${results.length} runs, ${(events / 1e6).toFixed(0)} M events in ${seconds} s`
}

function writeJson(file: string, options: CliOptions, results: readonly TaskResult[]): void {
  mkdirSync(dirname(file), { recursive: true })
  const { limits, seeds, noQueue } = options
  const runs = results.map((run) => ({ ...run, tookMs: undefined }))
  writeFileSync(file, `${JSON.stringify({ limits, seeds, noQueue, runs }, undefined, 1)}\n`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

const quietMs = 10_000
let saidAt = performance.now()

/** One line that is overwritten on a terminal; a line now and then in a log. */
function progress(text: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\u001B[K${text}`)
    return
  }
  if (performance.now() - saidAt < quietMs) return
  saidAt = performance.now()
  process.stderr.write(`${text}\n`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
