import type { Contestant } from './contestants.ts'
import { oracleContestant } from './contestants.ts'
import { Evidence } from './evidence.ts'
import type { Variant } from './scenario.ts'
import type { Verdict } from './score.ts'
import { World } from './world.ts'

export interface Played {
  readonly verdict: Verdict
  /** Events of virtual time, for the simulator's own speed. */
  readonly events: number
}

export interface PlayOptions {
  readonly seed: number
  /** Refuse at once whatever exceeds the limit. */
  readonly noQueue: boolean
  readonly onBin?: (world: World) => void
}

/** One variant with one seed and one contestant. */
export async function play(
  variant: Variant,
  contestant: Contestant,
  options: PlayOptions,
): Promise<Played> {
  const { spec } = variant
  const world = makeWorld(variant, contestant, options)
  const evidence = new Evidence(spec, await world.run())
  const verdict = await variant.judge(evidence, async () => {
    if (contestant === oracleContestant) return evidence
    // Without the trace, which is of the contestant alone.
    const { seed, noQueue } = options
    return new Evidence(spec, await makeWorld(variant, oracleContestant, { seed, noQueue }).run())
  })
  return { verdict, events: world.queue.fired }
}

function makeWorld({ spec }: Variant, contestant: Contestant, options: PlayOptions): World {
  return new World(spec, {
    seed: options.seed,
    limit: contestant.limitFor(spec, options.seed),
    maxQueue: options.noQueue || contestant.neverQueues ? 0 : undefined,
    ...(options.onBin !== undefined && { onBin: options.onBin }),
  })
}
