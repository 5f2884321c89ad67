import { setTimeout as sleep } from 'node:timers/promises'
import { sharedNow } from '@spillway/example-slow-database/clock.ts'
import type {
  ShopConnection,
  ShopDatabase,
} from '@spillway/example-slow-database/database/database.ts'
import { computedCapacity } from '@spillway/example-slow-database/database/database.ts'
import type { Plan } from '@spillway/example-slow-database/plan.ts'
import type { ShopStart } from '@spillway/example-slow-database/shop/process.ts'
import type { PlayedPhase } from '@spillway/example-slow-database/story.ts'
import { RunningLoad } from '../load/running-load.ts'
import type { ServiceChild } from '../service-child.ts'
import { startService } from '../service-child.ts'
import type { FleetContestant } from './contestants.ts'
import type { FleetRecording } from './recording.ts'
import type { FleetScenario } from './scenarios.ts'
import type { FleetKind } from './streams.ts'
import { fleetStreams, streamRate } from './streams.ts'

export interface PlayFleetOptions {
  readonly database: ShopDatabase
  readonly scenario: FleetScenario
  readonly contestant: FleetContestant
  readonly signal: AbortSignal
}

/** The last answers are on their way for as long as a client waits. */
const tailMs = 200

/** All processes of one contestant before one database, and one process that loads them all. */
export async function playFleet(options: PlayFleetOptions): Promise<FleetRecording> {
  const { database, scenario, contestant, signal } = options
  const { plan, processes } = scenario
  signal.throwIfAborted()
  await database.setStorage(plan.phases[0]!.storage)
  const connection = await database.createShop(contestant.name)
  const shops: ServiceChild[] = []
  let load: RunningLoad<FleetKind> | undefined
  try {
    await database.setStorage(plan.phases[0]!.storage)
    while (shops.length < processes) shops.push(startShop(options, connection))
    const urls = await Promise.all(shops.map(async ({ url }) => url))
    load = new RunningLoad({ streams: fleetStreams(urls), deadlineMs: plan.deadlineMs })
    await load.ready
    const phases = await Promise.race([
      playPhases(options, load),
      load.failed,
      ...shops.map(async ({ child }) => child.failed),
    ])
    await sleep(tailMs, undefined, { signal })
    return {
      name: contestant.name,
      phases,
      urls,
      streams: load.streams,
      answers: load.answers,
      reports: shops.map(({ reports }) => reports),
    }
  } finally {
    await Promise.all([load?.stop(), ...shops.map(async ({ child }) => child.stop())])
    await database.dropShop(connection).catch(() => {})
  }
}

const shopProcess = new URL(import.meta.resolve('@spillway/example-slow-database/shop/process.ts'))

function startShop(
  { contestant, scenario: { plan, processes } }: PlayFleetOptions,
  connection: ShopConnection,
): ServiceChild {
  const start: ShopStart = {
    module: contestant.module.href,
    connection,
    poolSize: plan.poolSize,
    facts: factsOf(plan, contestant, processes),
  }
  return startService(contestant.name, shopProcess, start)
}

function factsOf(plan: Plan, contestant: FleetContestant, processes: number): ShopStart['facts'] {
  const { storage } = plan.phases[0]!
  return {
    slots: contestant.slotsFor(storage.slots, processes),
    capacityPerSecond: computedCapacity(storage) / processes,
    deadlineMs: plan.deadlineMs,
  }
}

async function playPhases(
  { database, scenario: { plan, processes }, signal }: PlayFleetOptions,
  load: RunningLoad<FleetKind>,
): Promise<PlayedPhase[]> {
  const played: PlayedPhase[] = []
  for (const phase of plan.phases) {
    await database.setStorage(phase.storage)
    load.setRates(({ kind }) => streamRate(kind, phase.rate / processes))
    const from = sharedNow()
    await sleep(phase.durationMs, undefined, { signal })
    played.push({ ...phase, from, to: sharedNow() })
  }
  return played
}
