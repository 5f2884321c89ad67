/**
 * Several processes of one service before one small database: bare, peers, an oracle, ours.
 *
 *   node --conditions=@spillway/source benchmarks/overload/fleet/run.ts [--help]
 */
import { fileURLToPath } from 'node:url'
import { startShopDatabase } from '@spillway/example-slow-database/database/database.ts'
import { interruption } from '@spillway/example-slow-database/interruption.ts'
import { runCommand } from '../../lib/run-command.ts'
import { saveResult, today } from '../../lib/save-result.ts'
import type { Arguments } from '../arguments.ts'
import { parseArguments, usage } from '../arguments.ts'
import { measureCapacities } from '../capacity.ts'
import { lostLoad } from '../reached.ts'
import { playRounds } from '../rounds.ts'
import { conclude } from '../verdict.ts'
import { fleetContestants } from './contestants.ts'
import { fleetScore } from './fleet-score.ts'
import { fleetBars, fleetTable } from './fleet-table.ts'
import { playFleet } from './play.ts'
import { fleetScenarios, usualRate } from './scenarios.ts'

const peers = ['p-limit', 'cockatiel', 'fastify', 'pg', 'autocannon'] as const
const command = 'benchmarks/overload/fleet/run.ts'
const fastScale = 0.25

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<void> {
  const choices = {
    contestants: fleetContestants.map(({ name }) => name),
    scenarios: fleetScenarios(1).map(({ name }) => name),
  }
  const args = parseArguments(process.argv.slice(2), choices)
  if (args.isHelp) say(usage(choices, command, 'overload-fleet', 'a quarter of'))
  else await benchmark(args, interruption())
}

async function benchmark(args: Arguments, signal: AbortSignal): Promise<void> {
  const scenarios = fleetScenarios(args.isFast ? fastScale : 1)
  const plans = scenarios.map(({ plan }) => plan)
  const database = await startShopDatabase(plans[0]!.phases[0]!.storage)
  try {
    const capacities = await measureCapacities(database, plans, signal, say)
    const runs = await playRounds({
      args,
      scenarios,
      contestants: fleetContestants,
      play: async (scenario, contestant) =>
        fleetScore(await playFleet({ database, scenario, contestant, signal }), capacities),
      onRun: ({ scenario, round, contestant, score }) => {
        const least = Math.min(...score.phases.map((phase) => phase.arrivedPerSecond))
        const lost = lostLoad(least, usualRate)
        say(
          `${scenario}, round ${round}, ${contestant}: goodput ${score.goodputRatio.toFixed(3)}, critical ${score.criticalRatio.toFixed(3)}, least to most ${score.leastToMostRatio.toFixed(2)}${lost}`,
        )
      },
    })
    for (const name of args.scenarios) {
      for (const line of fleetTable(name, args.only, runs)) say(line)
    }
    const bars = scenarios.flatMap((scenario) => fleetBars(scenario, runs))
    conclude(bars, say)
    const usual = new URL(`../../results/overload-fleet-${today()}.json`, import.meta.url)
    const file = args.jsonFile ?? fileURLToPath(usual)
    await saveResult(file, peers, { isFast: args.isFast, capacities, bars, runs })
  } finally {
    await database.stop()
  }
}

await runCommand('benchmark', main)
