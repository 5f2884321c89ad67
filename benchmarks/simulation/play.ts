import type { Contestant } from './contestants.ts'
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
  const world = new World(variant.spec, {
    seed: options.seed,
    limit: contestant.limitFor(variant.spec, options.seed),
    maxQueue: options.noQueue || contestant.neverQueues ? 0 : undefined,
    ...(options.onBin !== undefined && { onBin: options.onBin }),
  })
  const record = await world.run()
  const verdict = variant.judge(new Evidence(variant.spec, record))
  return { verdict, events: world.queue.fired }
}
