import type { Contestant } from './contestants.ts'
import { play } from './play.ts'
import { binMs } from './recorder.ts'
import type { Variant } from './scenario.ts'
import type { World } from './world.ts'

const columns = [
  'second',
  'limit',
  'at',
  'inFlight',
  'queued',
  'inside',
  'in/s',
  'good/s',
  'refused/s',
]

/** Prints one line per virtual second while a variant runs. */
export async function trace(
  variant: Variant,
  contestant: Contestant,
  seed: number,
  noQueue: boolean,
  print: (line: string) => void,
): Promise<void> {
  print([...columns, 'reason'].map((name) => name.padStart(9)).join(' '))
  let bins = 0
  let before = { good: 0, refused: 0, came: 0 }
  const onBin = (world: World): void => {
    bins += 1
    if ((bins * binMs) % 1000 !== 0) return
    const { fates, attemptCount } = world.recorder
    const now = { good: fates.good, refused: fates.refused, came: attemptCount }
    const flow = [now.came - before.came, now.good - before.good, now.refused - before.refused]
    before = now
    print(lineOf(world, (bins * binMs) / 1000, flow))
  }
  const { verdict } = await play(variant, contestant, { seed, noQueue, onBin })
  print(JSON.stringify(verdict))
}

function lineOf(world: World, second: number, flow: readonly number[]): string {
  const running = world.instances.filter((instance) => instance !== undefined)
  const total = (of: (index: number) => number): number =>
    running.reduce((sum, _, index) => sum + of(index), 0)
  const numbers = [
    second,
    total((index) => running[index]!.limit.current),
    total((index) => running[index]!.limiter.limit),
    total((index) => running[index]!.limiter.inFlight),
    total((index) => running[index]!.limiter.queued),
    world.downstream.inside,
    ...flow,
  ]
  const reason = running[0]?.limit.reason ?? 'no instance'
  const limits = running.length > 1 ? ` [${running.map((one) => one.limit.current).join(' ')}]` : ''
  return `${numbers.map((value) => String(value).padStart(9)).join(' ')}  ${reason}${limits}`
}
