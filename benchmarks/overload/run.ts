import { fileURLToPath } from 'node:url'
import type { Contestant } from '@spillway/example-slow-database/contestant.ts'
import type { ShopDatabase, Storage } from '@spillway/example-slow-database/database/database.ts'
import {
  computedCapacity,
  startShopDatabase,
} from '@spillway/example-slow-database/database/database.ts'
import type { Capacity } from '@spillway/example-slow-database/result.ts'
import { playStory } from '@spillway/example-slow-database/story.ts'
import { median } from '../lib/median.ts'
import { interruption } from '@spillway/example-slow-database/interruption.ts'
import { runCommand } from '../lib/run-command.ts'
import { saveResult, today } from '../lib/save-result.ts'
import type { Arguments } from './arguments.ts'
import { parseArguments, usage } from './arguments.ts'
import { contestants, oracleName } from './contestants/index.ts'
import type { Scenario } from './scenarios.ts'
import { scenarios } from './scenarios.ts'
import type { Score } from './score.ts'
import { score } from './score.ts'
import type { Row } from './table.ts'
import { scenarioTable } from './table.ts'

interface Run {
  readonly scenario: string
  readonly contestant: string
  readonly round: number
  readonly score: Score
}

const fastScale = 0.5

const peers = [
  '@fastify/under-pressure',
  '@fastify/rate-limit',
  '@fastify/circuit-breaker',
  'opossum',
  'p-limit',
  'cockatiel',
  'fastify',
  'pg',
  'autocannon',
] as const

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<void> {
  const choices = {
    contestants: contestants.map(({ name }) => name),
    scenarios: scenarios(1).map(({ name }) => name),
  }
  const args = parseArguments(process.argv.slice(2), choices)
  if (args.isHelp) {
    say(usage(choices))
    return
  }
  await benchmark(args, interruption())
}

async function benchmark(args: Arguments, signal: AbortSignal): Promise<void> {
  const chosen = scenarios(args.isFast ? fastScale : 1).filter(({ name }) =>
    args.scenarios.includes(name),
  )
  const database = await startShopDatabase(chosen[0]!.plan.phases[0]!.storage)
  try {
    const capacities = await measureAll(database, chosen, signal)
    const runs: Run[] = []
    for (let round = 1; round <= args.rounds; round += 1) {
      for (const scenario of chosen) {
        runs.push(...(await playScenario(args, database, scenario, capacities, round, signal)))
      }
    }
    report(args, runs)
    await save(args, capacities, runs)
  } finally {
    await database.stop()
  }
}

/** One after the other: never two loads at once. */
async function playScenario(
  args: Arguments,
  database: ShopDatabase,
  scenario: Scenario,
  capacities: readonly Capacity[],
  round: number,
  signal: AbortSignal,
): Promise<Run[]> {
  const runs: Run[] = []
  for (const contestant of contestants.filter(({ name }) => args.only.includes(name))) {
    const one = await playOne(database, scenario, contestant, capacities, signal)
    runs.push({ scenario: scenario.name, contestant: contestant.name, round, score: one })
    say(
      `${scenario.name}, round ${round}, ${contestant.name}: goodput ${one.goodputRatio.toFixed(3)}, critical ${one.criticalRatio.toFixed(3)}`,
    )
  }
  return runs
}

async function playOne(
  database: ShopDatabase,
  { plan }: Scenario,
  contestant: Contestant,
  capacities: readonly Capacity[],
  signal: AbortSignal,
): Promise<Score> {
  const [recording] = await playStory({ database, plan, contestants: [contestant], signal })
  return score(recording!, capacities)
}

/** Long enough that a few slots more or less at its ends do not matter. */
const measureMs = 2000

async function measureAll(
  database: ShopDatabase,
  chosen: readonly Scenario[],
  signal: AbortSignal,
): Promise<Capacity[]> {
  const storages = new Map<string, Storage>()
  for (const { plan } of chosen) {
    for (const { storage } of plan.phases) storages.set(JSON.stringify(storage), storage)
  }
  const capacities: Capacity[] = []
  for (const storage of storages.values()) {
    signal.throwIfAborted()
    const computedPerSecond = computedCapacity(storage)
    const rounds = Math.ceil((computedPerSecond * measureMs) / 1000 / storage.slots)
    const queries = rounds * storage.slots
    const measuredPerSecond = await database.measureCapacity(storage, queries)
    capacities.push({ storage, computedPerSecond, measuredPerSecond })
    say(
      `${JSON.stringify(storage)}: ${measuredPerSecond.toFixed(1)} queries a second, at most ${computedPerSecond.toFixed(1)}`,
    )
  }
  return capacities
}

function report(args: Arguments, runs: readonly Run[]): void {
  for (const scenario of args.scenarios) {
    const rows = args.only.map((name) =>
      medianRow(
        name,
        runs.filter((run) => run.scenario === scenario && run.contestant === name),
      ),
    )
    for (const line of scenarioTable(scenario, rows, oracleName)) say(line)
  }
}

function medianRow(name: string, runs: readonly Run[]): Row {
  const of = (figure: (one: Score) => number | undefined): number | undefined =>
    median(runs.map((run) => figure(run.score)).filter((value) => value !== undefined))
  return {
    name,
    goodputRatio: of((one) => one.goodputRatio) ?? 0,
    criticalRatio: of((one) => one.criticalRatio) ?? 0,
    criticalShareRatio: of((one) => one.criticalShareRatio) ?? 0,
    answeredP99Ms: of((one) => one.answeredP99Ms),
    refusedP99Ms: of((one) => one.refusedP99Ms),
    recoveryMs: of((one) => one.recoveryMs),
  }
}

async function save(
  { jsonFile, isFast }: Arguments,
  capacities: readonly Capacity[],
  runs: readonly Run[],
): Promise<void> {
  const usual = new URL(`../results/overload-${today()}.json`, import.meta.url)
  await saveResult(jsonFile ?? fileURLToPath(usual), peers, { isFast, capacities, runs })
}

await runCommand('benchmark', main)
