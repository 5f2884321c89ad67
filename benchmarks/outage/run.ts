import { fileURLToPath } from 'node:url'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import { interruption } from '@spillway/example-slow-database/interruption.ts'
import { runCommand } from '../lib/run-command.ts'
import { saveResult, today } from '../lib/save-result.ts'
import type { Arguments } from './arguments.ts'
import { parseArguments, usage } from './arguments.ts'
import { contestants } from './contestants/index.ts'
import { faults } from './faults.ts'
import type { Story } from './play.ts'
import { play } from './play.ts'
import type { Score } from './score.ts'
import { score } from './score.ts'
import { faultTable } from './table.ts'
import { meetsBars } from './verdict.ts'

interface Run {
  readonly fault: string
  readonly contestant: string
  readonly round: number
  readonly score: Score
}

const peers = ['opossum', 'cockatiel', 'pg'] as const

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<void> {
  const names = contestants.map(({ name }) => name)
  const args = parseArguments(process.argv.slice(2), names)
  if (args.isHelp) {
    say(usage(names))
    return
  }
  await benchmark(args, interruption())
}

async function benchmark(args: Arguments, signal: AbortSignal): Promise<void> {
  const server = await startPostgres({ settings: { max_connections: 250 } })
  try {
    const runs: Run[] = []
    for (let round = 1; round <= args.rounds; round += 1) {
      runs.push(...(await playRound(args, server, round, signal)))
    }
    report(args, runs)
    const usual = new URL(`../results/outage-${today()}.json`, import.meta.url)
    const story = storyOf(1)
    await saveResult(args.jsonFile ?? fileURLToPath(usual), peers, { story, runs })
  } finally {
    await server.stop()
  }
}

/** One after the other: never two loads at once. */
async function playRound(
  args: Arguments,
  server: PostgresServer,
  round: number,
  signal: AbortSignal,
): Promise<Run[]> {
  const runs: Run[] = []
  const story = storyOf(round)
  for (const fault of faults) {
    for (const contestant of contestants.filter(({ name }) => args.only.includes(name))) {
      const recording = await play(server, contestant, fault, story, signal)
      const one = score(recording, story.patienceMs)
      runs.push({ fault: fault.name, contestant: contestant.name, round, score: one })
      say(`${fault.name}, round ${round}, ${contestant.name}: ${JSON.stringify(one)}`)
    }
  }
  return runs
}

/** Each round the database returns at another moment between two probes, for all of them the same. */
function storyOf(round: number): Story {
  return {
    callsPerSecond: 200,
    patienceMs: 400,
    healthyMs: 2500,
    brokenMs: 3000 + 137 * round,
    afterwardsMs: 2500,
  }
}

function report(args: Arguments, runs: readonly Run[]): void {
  for (const { name: fault } of faults) {
    const rows = args.only.map((name) => ({ name, scores: scoresOf(runs, fault, name) }))
    for (const line of faultTable(fault, rows)) say(line)
  }
  say('')
  for (const name of args.only) {
    const all = runs.filter(({ contestant }) => contestant === name)
    const met = all.filter((run) => meetsBars(run.score)).length
    say(`${name}: ${met} of ${all.length} outages within the bars`)
  }
}

function scoresOf(runs: readonly Run[], fault: string, name: string): Score[] {
  return runs
    .filter((run) => run.fault === fault && run.contestant === name)
    .map((run) => run.score)
}

await runCommand('benchmark', main)
