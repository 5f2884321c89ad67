import type { Arguments } from './arguments.ts'

/** What one contestant reached in one scenario of one round. */
export interface Run<Score> {
  readonly scenario: string
  readonly contestant: string
  readonly round: number
  readonly score: Score
}

interface Named {
  readonly name: string
}

export interface Rounds<Scenario, Contestant, Score> {
  readonly args: Pick<Arguments, 'only' | 'rounds' | 'scenarios'>
  readonly scenarios: readonly Scenario[]
  readonly contestants: readonly Contestant[]
  readonly play: (scenario: Scenario, contestant: Contestant) => Promise<Score>
  /** Told after each run. */
  readonly onRun: (run: Run<Score>) => void
}

/** All that were chosen, one after the other: never two loads at once, and a whole round before the next. */
export async function playRounds<Scenario extends Named, Contestant extends Named, Score>(
  rounds: Rounds<Scenario, Contestant, Score>,
): Promise<Run<Score>[]> {
  const { args, play, onRun } = rounds
  const scenarios = rounds.scenarios.filter(({ name }) => args.scenarios.includes(name))
  const contestants = rounds.contestants.filter(({ name }) => args.only.includes(name))
  const runs: Run<Score>[] = []
  for (let round = 1; round <= args.rounds; round += 1) {
    for (const scenario of scenarios) {
      for (const contestant of contestants) {
        const score = await play(scenario, contestant)
        const run = { scenario: scenario.name, contestant: contestant.name, round, score }
        runs.push(run)
        onRun(run)
      }
    }
  }
  return runs
}

/** The rounds of one contestant in one scenario. */
export function runsOf<Score>(
  runs: readonly Run<Score>[],
  scenario: string,
  contestant: string,
): Run<Score>[] {
  return runs.filter((run) => run.scenario === scenario && run.contestant === contestant)
}

/** A figure of each of these runs, relative to that of another contestant in the same round. */
export function relativeTo<Score>(
  others: readonly Run<Score>[],
  runs: readonly Run<Score>[],
  figure: (score: Score) => number,
): number[] {
  return runs.flatMap((run) => {
    const other = others.find(({ round }) => round === run.round)
    const whole = other === undefined ? 0 : figure(other.score)
    return whole === 0 ? [] : [figure(run.score) / whole]
  })
}
