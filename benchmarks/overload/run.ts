import { fileURLToPath } from 'node:url'
import { startShopDatabase } from '@spillway/example-slow-database/database/database.ts'
import { interruption } from '@spillway/example-slow-database/interruption.ts'
import { playStory } from '@spillway/example-slow-database/story.ts'
import type { Bar } from '@spillway/example-slow-database/verdict.ts'
import { median } from '../lib/median.ts'
import { runCommand } from '../lib/run-command.ts'
import { saveResult, today } from '../lib/save-result.ts'
import type { Arguments } from './arguments.ts'
import { parseArguments, usage } from './arguments.ts'
import { atLeast } from './bars.ts'
import { measureCapacities } from './capacity.ts'
import { contestants, oracleName } from './contestants/index.ts'
import type { Run } from './rounds.ts'
import { playRounds, relativeTo, runsOf } from './rounds.ts'
import type { Scenario } from './scenarios.ts'
import { scenarios } from './scenarios.ts'
import type { Score } from './score.ts'
import { score } from './score.ts'
import type { Row } from './table.ts'
import { scenarioTable } from './table.ts'
import { conclude } from './verdict.ts'

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
    const plans = chosen.map(({ plan }) => plan)
    const capacities = await measureCapacities(database, plans, signal, say)
    const runs = await playRounds({
      args,
      scenarios: chosen,
      contestants,
      play: async ({ plan }, contestant) => {
        const [recording] = await playStory({ database, plan, contestants: [contestant], signal })
        return score(recording!, capacities)
      },
      onRun: ({ scenario, round, contestant, score: one }) => {
        say(
          `${scenario}, round ${round}, ${contestant}: goodput ${one.goodputRatio.toFixed(3)}, critical ${one.criticalRatio.toFixed(3)}`,
        )
      },
    })
    report(args, runs)
    const bars = chosen.flatMap((scenario) => overloadBars(scenario, runs))
    conclude(bars, say)
    const usual = new URL(`../results/overload-${today()}.json`, import.meta.url)
    const file = args.jsonFile ?? fileURLToPath(usual)
    await saveResult(file, peers, { isFast: args.isFast, capacities, bars, runs })
  } finally {
    await database.stop()
  }
}

/** Beside the oracle in the same round; nothing where one of the two did not run. */
function overloadBars({ name, ofOracle }: Scenario, runs: readonly Run<Score>[]): Bar[] {
  const own = runsOf(runs, name, 'spillway')
  const oracles = runsOf(runs, name, oracleName)
  const bar = (what: string, figure: (one: Score) => number): Bar[] =>
    atLeast(`${name}: ${what}, of oracle`, relativeTo(oracles, own, figure), ofOracle)
  return [
    ...bar('goodput', (one) => one.goodputRatio),
    ...bar('critical', (one) => one.criticalRatio),
  ]
}

function report(args: Arguments, runs: readonly Run<Score>[]): void {
  for (const scenario of args.scenarios) {
    const rows = args.only.map((name) => medianRow(name, runsOf(runs, scenario, name)))
    for (const line of scenarioTable(scenario, rows, oracleName)) say(line)
  }
}

function medianRow(name: string, runs: readonly Run<Score>[]): Row {
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

await runCommand('benchmark', main)
