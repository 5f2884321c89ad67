/**
 * A process whose handlers need more processor time than there is: bare, peers, ours.
 *
 *   node --conditions=@spillway/source benchmarks/overload/cpu/run.ts [--help]
 */
import { fileURLToPath } from 'node:url'
import type { Contestant } from '@spillway/example-slow-database/contestant.ts'
import type { Capacity } from '@spillway/example-slow-database/result.ts'
import { columns } from '@spillway/example-slow-database/view/columns.ts'
import autocannon from 'autocannon'
import { interruption } from '@spillway/example-slow-database/interruption.ts'
import { runCommand } from '../../lib/run-command.ts'
import { saveResult, today } from '../../lib/save-result.ts'
import type { Arguments } from '../arguments.ts'
import { parseArguments, usage } from '../arguments.ts'
import { contestants } from './contestants/index.ts'
import type { CpuScore } from './cpu-score.ts'
import { cpuScore } from './cpu-score.ts'
import { cpuTable } from './cpu-table.ts'
import { goodDays } from './good-days/days.ts'
import type { DayRun } from './good-days/play.ts'
import { goodDaysTable, playGoodDays } from './good-days/play.ts'
import { play, startService } from './play.ts'
import type { CpuScenario } from './scenarios.ts'
import { cpuScenarios, processAs } from './scenarios.ts'
import { iterationsPerMs } from './work.ts'

interface Run {
  readonly scenario: string
  readonly contestant: string
  readonly round: number
  readonly score: CpuScore
}

const peers = ['@fastify/under-pressure', 'overload-protection', 'fastify', 'autocannon'] as const
const command = 'benchmarks/overload/cpu/run.ts'
const fastScale = 0.5
/** A group of scenarios in which nothing is short. */
const goodDaysName = 'good days'

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<void> {
  const choices = {
    contestants: contestants.map(({ name }) => name),
    scenarios: [...cpuScenarios(() => 0, 1).map(({ name }) => name), goodDaysName],
  }
  const args = parseArguments(process.argv.slice(2), choices)
  if (args.isHelp) {
    say(usage(choices, command, 'overload-cpu'))
    return
  }
  await benchmark(args, interruption())
}

async function benchmark(args: Arguments, signal: AbortSignal): Promise<void> {
  const perMs = iterationsPerMs()
  const needed = cpuScenarios(() => 0, 1).filter(({ name }) => args.scenarios.includes(name))
  const capacities: Capacity[] = []
  for (const workMs of new Set(needed.map((one) => one.workMs))) {
    capacities.push(await measure(workMs, perMs, signal))
  }
  const capacityOf = (workMs: number): number =>
    capacities.find(({ storage }) => storage.holdMs === workMs)?.measuredPerSecond ?? 0
  const chosen = cpuScenarios(capacityOf, args.isFast ? fastScale : 1).filter(({ name }) =>
    args.scenarios.includes(name),
  )
  const runs: Run[] = []
  for (let round = 1; round <= args.rounds; round += 1) {
    for (const scenario of chosen) {
      for (const contestant of contestants.filter(({ name }) => args.only.includes(name))) {
        const score = await playOne(scenario, contestant, perMs, capacities, signal)
        runs.push({ scenario: scenario.name, contestant: contestant.name, round, score })
        say(`${scenario.name}, round ${round}, ${contestant.name}: ${briefly(score)}`)
      }
    }
  }
  const days = await playDays(args, perMs, signal)
  report(args, runs)
  if (days.length > 0) for (const line of columns(goodDaysTable(days))) say(line)
  const usual = new URL(`../../results/overload-cpu-${today()}.json`, import.meta.url)
  const file = args.jsonFile ?? fileURLToPath(usual)
  await saveResult(file, peers, { isFast: args.isFast, capacities, runs, days })
}

async function playDays(
  args: Arguments,
  perMs: number,
  signal: AbortSignal,
): Promise<readonly DayRun[]> {
  if (!args.scenarios.includes(goodDaysName)) return []
  return playGoodDays({
    days: goodDays(args.isFast ? fastScale : 1),
    contestants: contestants.filter(({ name }) => args.only.includes(name)),
    rounds: args.rounds,
    iterationsPerMs: perMs,
    signal,
    say,
  })
}

async function playOne(
  { plan, workMs, freeze }: CpuScenario,
  contestant: Contestant,
  perMs: number,
  capacities: readonly Capacity[],
  signal: AbortSignal,
): Promise<CpuScore> {
  const iterations = Math.round(workMs * perMs)
  return cpuScore(await play({ contestant, plan, iterations, freeze, signal }), capacities)
}

const measureS = 4
const closedLoopClients = 4

/** What the bare process answers when a few clients ask again as soon as they are answered. */
async function measure(workMs: number, perMs: number, signal: AbortSignal): Promise<Capacity> {
  signal.throwIfAborted()
  const contestant = contestants[0]!
  const service = await startService({ contestant, iterations: Math.round(workMs * perMs) })
  try {
    const url = `${service.url}/report`
    await autocannon({ url, connections: closedLoopClients, duration: 1 })
    const result = await autocannon({ url, connections: closedLoopClients, duration: measureS })
    const capacity = {
      storage: processAs(workMs),
      computedPerSecond: 1000 / workMs,
      measuredPerSecond: result.requests.total / result.duration,
    }
    say(`${workMs} ms of work: ${capacity.measuredPerSecond.toFixed(1)} requests a second`)
    return capacity
  } finally {
    await service.child.stop()
  }
}

function briefly({ steps }: CpuScore): string {
  return steps
    .map((one) => `${one.phase} ${one.goodputRatio.toFixed(2)}/${one.criticalRatio.toFixed(2)}`)
    .join(', ')
}

function report(args: Arguments, runs: readonly Run[]): void {
  for (const scenario of args.scenarios.filter((name) => name !== goodDaysName)) {
    const rows = args.only.map((name) => ({
      name,
      scores: runs
        .filter((run) => run.scenario === scenario && run.contestant === name)
        .map(({ score }) => score),
    }))
    for (const line of cpuTable(scenario, rows)) say(line)
  }
}

await runCommand('benchmark', main)
