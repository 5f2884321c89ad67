import type { PriorityRank } from '../priority.ts'
import type { QueueEntry } from './queue-entry.ts'
import { LaneOverload } from './lane-overload.ts'

/**
 * The waiting calls of one priority and one partition, oldest first. Exists only while somebody
 * waits in it, so the number of lanes is bounded by the number of waiting calls.
 */
export class Lane {
  readonly rank: PriorityRank
  readonly partition: string
  readonly #overload = new LaneOverload()
  size = 0
  /** What its calls will take, all together. */
  work = 0
  /** What has been served of it, on the scale of its ring. */
  served: number
  oldest: QueueEntry | undefined = undefined
  newest: QueueEntry | undefined = undefined
  /** Neighbours in the ring of its priority. */
  next: Lane = this
  previous: Lane = this

  constructor(rank: PriorityRank, partition: string, served = 0) {
    this.rank = rank
    this.partition = partition
    this.served = served
  }

  /** What will have been served of it after one more of its calls. */
  get servedWithNext(): number {
    return this.size === 0 ? this.served : this.served + this.work / this.size
  }

  push(entry: QueueEntry): void {
    entry.lane = this
    entry.older = this.newest
    if (this.newest === undefined) this.oldest = entry
    else this.newest.newer = entry
    this.newest = entry
    this.size += 1
    this.work += entry.cost
  }

  unlink(entry: QueueEntry): void {
    if (entry.older === undefined) this.oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer === undefined) this.newest = entry.older
    else entry.newer.older = entry.older
    entry.older = undefined
    entry.newer = undefined
    entry.lane = undefined
    this.size -= 1
    this.work -= entry.cost
  }

  /**
   * Whose turn it is: first come first served as long as that is in time, last come first served under
   * overload, when the oldest have the least chance of being answered in time.
   */
  turn(now: number): QueueEntry | undefined {
    const { oldest, newest } = this
    if (oldest === undefined || newest === undefined) return undefined
    this.#overload.judge(oldest, now)
    return this.isOverloaded(newest.patienceMs, now) ? newest : oldest
  }

  /** A call of it has waited as long as it may, and is refused. */
  hasExpired(entry: QueueEntry, now: number): void {
    this.#overload.hasExpired(entry, now)
  }

  /** Whether calls that are as patient are too late at present. */
  isOverloaded(patienceMs: number, now: number): boolean {
    return this.#overload.isOverloaded(patienceMs, now)
  }
}
