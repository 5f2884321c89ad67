import type { PriorityRank } from '../priority.ts'
import { ExpiryHeap } from './expiry-heap.ts'
import type { Lane } from './lane.ts'
import { LaneRing } from './lane-ring.ts'
import type { QueueEntry } from './queue-entry.ts'

/** Who waits, in which order, until when. Knows nothing of permits. */
export class WaitingQueue {
  readonly #rings: readonly LaneRing[] = [0, 1, 2, 3].map(
    (rank) => new LaneRing(rank as PriorityRank),
  )
  readonly #expiries = new ExpiryHeap()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(entry: QueueEntry, rank: PriorityRank, partition: string): void {
    const ring = this.#rings[rank]!
    ring.getOrAdd(partition).push(entry)
    ring.size += 1
    ring.work += entry.cost
    this.#size += 1
    this.#expiries.push(entry, this.#size)
  }

  /** Takes the entry out; false when it had left before. */
  remove(entry: QueueEntry): boolean {
    const lane = entry.lane
    if (lane === undefined) return false
    const ring = this.#rings[lane.rank]!
    lane.unlink(entry)
    if (lane.size === 0) ring.remove(lane)
    ring.size -= 1
    // What has been added and taken away in another order leaves a rest.
    ring.work = ring.size === 0 ? 0 : ring.work - entry.cost
    this.#size -= 1
    return true
  }

  /** Takes out the call whose turn it is: most important priority, next partition. */
  next(now: number): QueueEntry | undefined {
    for (const ring of this.#rings) {
      const entry = ring.size === 0 ? undefined : ring.take()?.turn(now)
      if (entry === undefined) continue
      this.remove(entry)
      return entry
    }
    return undefined
  }

  /** The earliest time at which somebody must be refused. */
  nextExpiry(): number | undefined {
    return this.#expiries.peek()?.expiresAt
  }

  /** Takes out one call that has waited as long as it may. */
  nextExpired(now: number): QueueEntry | undefined {
    const entry = this.#expiries.peek()
    if (entry === undefined || entry.expiresAt > now) return undefined
    entry.lane?.hasExpired(entry, now)
    this.remove(entry)
    return entry
  }

  /**
   * Takes out somebody for a newcomer to a full queue: the oldest call of a crowded lane in the
   * least important priority. Undefined when the newcomer itself is the one to refuse.
   */
  evict(rank: PriorityRank, partition: string): QueueEntry | undefined {
    const victim = this.#victimLane(rank, partition)?.oldest
    if (victim !== undefined) this.remove(victim)
    return victim
  }

  /** Whether somebody would have to make room for such a call in a full queue. */
  canEvict(rank: PriorityRank, partition: string): boolean {
    return this.#victimLane(rank, partition) !== undefined
  }

  #victimLane(rank: PriorityRank, partition: string): Lane | undefined {
    const ring = this.#rings.findLast(({ size }) => size > 0)
    if (ring === undefined || ring.rank < rank) return undefined
    const lane = ring.crowded()
    if (ring.rank > rank) return lane
    const own = ring.get(partition)?.size ?? 0
    return lane !== undefined && lane.size > own + 1 ? lane : undefined
  }

  /** Whether calls of the lane that are as patient are too late at present, and the newest go first. */
  isOverloaded(rank: PriorityRank, partition: string, patienceMs: number, now: number): boolean {
    return this.#rings[rank]!.get(partition)?.isOverloaded(patienceMs, now) ?? false
  }

  /**
   * The work that would be served before a newcomer that takes `cost`: all that is more
   * important and, unless the newest go first, what of its own priority has an older claim. Of each
   * other partition that is no more than its own has by then.
   */
  workAhead(rank: PriorityRank, { partition, cost, newestFirst }: Newcomer): number {
    let ahead = 0
    for (let more = 0; more < rank; more += 1) ahead += this.#rings[more]!.work
    if (newestFirst) return ahead
    const ring = this.#rings[rank]!
    const lane = ring.get(partition)
    const own = lane?.work ?? 0
    const others = lane === undefined ? ring.laneCount : ring.laneCount - 1
    return ahead + Math.min(ring.work, own + others * (own + cost))
  }
}

/** Somebody who might wait. */
export interface Newcomer {
  readonly partition: string
  readonly cost: number
  /** Whether it would be served before those who have waited longer. */
  readonly newestFirst: boolean
}
