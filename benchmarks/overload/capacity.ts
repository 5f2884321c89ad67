import type { ShopDatabase, Storage } from '@spillway/example-slow-database/database/database.ts'
import { computedCapacity } from '@spillway/example-slow-database/database/database.ts'
import type { Plan } from '@spillway/example-slow-database/plan.ts'
import type { Capacity } from '@spillway/example-slow-database/result.ts'

/** Long enough that a few slots more or less at its ends do not matter. */
const measureMs = 2000

/** What the database really does with each storage of these plans, while nothing else runs. */
export async function measureCapacities(
  database: ShopDatabase,
  plans: readonly Plan[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Capacity[]> {
  const storages = new Map<string, Storage>()
  for (const { phases } of plans) {
    for (const { storage } of phases) storages.set(JSON.stringify(storage), storage)
  }
  const capacities: Capacity[] = []
  for (const storage of storages.values()) {
    signal.throwIfAborted()
    const computedPerSecond = computedCapacity(storage)
    const rounds = Math.ceil((computedPerSecond * measureMs) / 1000 / storage.slots)
    const queries = rounds * storage.slots
    const measuredPerSecond = await database.measureCapacity(storage, queries)
    capacities.push({ storage, computedPerSecond, measuredPerSecond })
    say(
      `${JSON.stringify(storage)}: ${measuredPerSecond.toFixed(1)} queries a second, at most ${computedPerSecond.toFixed(1)}`,
    )
  }
  return capacities
}
