import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '@spillway/example-slow-database/children.ts'
import { startChild } from '@spillway/example-slow-database/children.ts'
import { sharedNow } from '@spillway/example-slow-database/clock.ts'
import type { Contestant } from '@spillway/example-slow-database/contestant.ts'
import type {
  ShopConnection,
  ShopDatabase,
} from '@spillway/example-slow-database/database/database.ts'
import { computedCapacity } from '@spillway/example-slow-database/database/database.ts'
import { RunningLoad } from '../load/running-load.ts'
import type { ServiceChild } from '../service-child.ts'
import { startService } from '../service-child.ts'
import type { CrowdCommand, CrowdMessage, CrowdStart } from './crowd.ts'
import type { NoHarmRecording, PlayedNoHarmPhase } from './recording.ts'
import type { NoHarmScenario } from './scenarios.ts'
import { deadlineMs } from './scenarios.ts'
import type { ServiceStart } from './service.ts'
import type { Kind } from './streams.ts'
import { streamsOf } from './streams.ts'

export interface PlayNoHarmOptions {
  readonly database: ShopDatabase
  readonly scenario: NoHarmScenario
  readonly contestant: Contestant
  readonly signal: AbortSignal
}

/** Until all who came in the last phase know what became of them. */
const tailMs: number = 1.5 * deadlineMs

/** A service with two databases, honest clients and a crowd, each in a process of its own. */
export async function playNoHarm(options: PlayNoHarmOptions): Promise<NoHarmRecording> {
  const { database, scenario, signal } = options
  signal.throwIfAborted()
  const connections = [await database.createShop('orders'), await database.createShop('products')]
  const [orders, products] = connections as [ShopConnection, ShopConnection]
  const children: { stop(): Promise<void> }[] = []
  try {
    await database.setStorage(scenario.phases[0]!.orders)
    const service = serve(options, orders, products)
    children.push(service.child)
    const url = await service.url
    const load = new RunningLoad({ streams: streamsOf(url), deadlineMs })
    children.push(load)
    const crowd = startCrowd(scenario, url)
    if (crowd !== undefined) children.push(crowd.child)
    await load.ready
    const phases = await Promise.race([
      playPhases(options, orders, load, crowd),
      service.child.failed,
      load.failed,
      ...(crowd === undefined ? [] : [crowd.child.failed]),
    ])
    const { reports } = service
    return { phases, answers: load.answers, reports, turnedAway: crowd?.turnedAway() ?? 0 }
  } finally {
    await Promise.all(children.map(async (child) => child.stop()))
    await Promise.allSettled(connections.map(async (one) => database.dropShop(one)))
  }
}

function serve(
  { contestant, scenario }: PlayNoHarmOptions,
  orders: ShopConnection,
  products: ShopConnection,
): ServiceChild {
  const storage = scenario.phases[0]!.orders
  // Of both databases, which are alike while all is well.
  const capacityPerSecond = 2 * computedCapacity(storage)
  const facts = { slots: storage.slots, capacityPerSecond, deadlineMs }
  const start: ServiceStart = { module: contestant.module.href, orders, products, facts }
  const module = new URL('./service.ts', import.meta.url)
  return startService(contestant.name, module, start)
}

interface RunningCrowd {
  readonly child: Child<CrowdMessage, CrowdCommand>
  turnedAway(): number
}

function startCrowd({ crowd }: NoHarmScenario, url: string): RunningCrowd | undefined {
  if (crowd === undefined) return undefined
  const start: CrowdStart = { ...crowd, url }
  const module = new URL('./crowd-process.ts', import.meta.url)
  const child = startChild<CrowdMessage, CrowdCommand>(`the ${crowd.kind}`, module, start)
  let turnedAway = 0
  child.onMessage((message) => {
    ;({ turnedAway } = message)
  })
  return { child, turnedAway: () => turnedAway }
}

async function playPhases(
  { database, scenario, signal }: PlayNoHarmOptions,
  orders: ShopConnection,
  load: RunningLoad<Kind>,
  crowd: RunningCrowd | undefined,
): Promise<PlayedNoHarmPhase[]> {
  const played: PlayedNoHarmPhase[] = []
  for (const phase of scenario.phases) {
    await database.setStorage(phase.orders, orders)
    load.setRates(({ kind }) => phase.rates[kind] ?? 0)
    if (phase.isCounted) crowd?.child.send('come')
    const from = sharedNow()
    await sleep(phase.durationMs, undefined, { signal })
    played.push({ ...phase, from, to: sharedNow() })
  }
  await sleep(tailMs, undefined, { signal })
  return played
}
