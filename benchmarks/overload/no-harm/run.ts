/**
 * Services that are short of nothing, or of something that most of their clients do not need:
 * whoever can be served without us has to be served with us. Bare, peers, ours.
 *
 *   node --conditions=@spillway/source benchmarks/overload/no-harm/run.ts [--help]
 */
import { fileURLToPath } from 'node:url'
import { startShopDatabase } from '@spillway/example-slow-database/database/database.ts'
import { interruption } from '@spillway/example-slow-database/interruption.ts'
import { runCommand } from '../../lib/run-command.ts'
import { saveResult, today } from '../../lib/save-result.ts'
import type { Arguments } from '../arguments.ts'
import { parseArguments, usage } from '../arguments.ts'
import { lostLoad } from '../reached.ts'
import { playRounds } from '../rounds.ts'
import { conclude } from '../verdict.ts'
import { contestants } from './contestants/index.ts'
import { noHarmScore } from './no-harm-score.ts'
import { noHarmBars, noHarmTable } from './no-harm-table.ts'
import { playNoHarm } from './play.ts'
import { noHarmScenarios } from './scenarios.ts'

const peers = [
  '@fastify/under-pressure',
  '@fastify/rate-limit',
  'opossum',
  'p-limit',
  'cockatiel',
  'fastify',
  'pg',
  'autocannon',
] as const
const command = 'benchmarks/overload/no-harm/run.ts'
const fastScale = 0.25

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<void> {
  const choices = {
    contestants: contestants.map(({ name }) => name),
    scenarios: noHarmScenarios(1).map(({ name }) => name),
  }
  const args = parseArguments(process.argv.slice(2), choices)
  if (args.isHelp) say(usage(choices, command, 'overload-no-harm', 'a quarter of'))
  else await benchmark(args, interruption())
}

async function benchmark(args: Arguments, signal: AbortSignal): Promise<void> {
  const scenarios = noHarmScenarios(args.isFast ? fastScale : 1).filter(({ name }) =>
    args.scenarios.includes(name),
  )
  const database = await startShopDatabase(scenarios[0]!.phases[0]!.orders)
  try {
    const runs = await playRounds({
      args,
      scenarios,
      contestants,
      play: async (scenario, contestant) =>
        noHarmScore(scenario, await playNoHarm({ database, scenario, contestant, signal })),
      onRun: ({ scenario, round, contestant, score }) => {
        const served = score.servedRatios.map((ratio) => ratio.toFixed(3)).join(' / ')
        const lost = lostLoad(score.arrivedPerSecond, score.sentPerSecond)
        say(`${scenario}, round ${round}, ${contestant}: ${served} served${lost}`)
      },
    })
    for (const scenario of scenarios) {
      for (const line of noHarmTable(scenario, args.only, runs)) say(line)
    }
    const bars = scenarios.flatMap((scenario) => noHarmBars(scenario, runs))
    conclude(bars, say)
    const usual = new URL(`../../results/overload-no-harm-${today()}.json`, import.meta.url)
    const file = args.jsonFile ?? fileURLToPath(usual)
    await saveResult(file, peers, { isFast: args.isFast, bars, runs })
  } finally {
    await database.stop()
  }
}

await runCommand('benchmark', main)
