import type { PriorityRank } from '../priority.ts'
import { Lane } from './lane.ts'

/**
 * The lanes of one priority. Each gets the same share of the time that permits are held, not of the
 * calls: next is the lane that will have had least after its next call (self-clocked fair queueing,
 * Golestani, INFOCOM 1994), in turn where that is equal. That is max-min fair and work-conserving: a
 * partition alone gets everything, one that sends ten times its share waits behind its own calls only,
 * and one whose calls take next to nothing waits for nobody else's.
 */
export class LaneRing {
  readonly rank: PriorityRank
  readonly #lanes = new Map<string, Lane>()
  #cursor: Lane | undefined
  /** How much each lane that waits has had at least; a newcomer is not owed what was served before. */
  #served = 0
  /** Waiting calls in all lanes. */
  size = 0
  /** What they will take. */
  work = 0

  constructor(rank: PriorityRank) {
    this.rank = rank
  }

  get laneCount(): number {
    return this.#lanes.size
  }

  get(partition: string): Lane | undefined {
    return this.#lanes.get(partition)
  }

  getOrAdd(partition: string): Lane {
    const known = this.#lanes.get(partition)
    if (known !== undefined) return known
    const lane = new Lane(this.rank, partition, this.#served)
    this.#lanes.set(partition, lane)
    this.#link(lane)
    return lane
  }

  /** The lane whose turn it is; moves the turn on. */
  take(): Lane | undefined {
    const lane = this.#leastServed()
    if (lane === undefined) return undefined
    lane.served = lane.servedWithNext
    this.#served = lane.served
    this.#cursor = lane.next
    return lane
  }

  remove(lane: Lane): void {
    this.#lanes.delete(lane.partition)
    if (lane.next === lane) {
      this.#cursor = undefined
      return
    }
    lane.previous.next = lane.next
    lane.next.previous = lane.previous
    if (this.#cursor === lane) this.#cursor = lane.next
  }

  /** A lane with at least the average number of waiting calls; found at once when there is one lane. */
  crowded(): Lane | undefined {
    const average = this.size / this.#lanes.size
    let lane = this.#cursor
    while (lane !== undefined && lane.size < average) lane = lane.next
    return lane
  }

  #leastServed(): Lane | undefined {
    const first = this.#cursor
    if (first === undefined || first.next === first) return first
    let least = first
    for (let lane = first.next; lane !== first; lane = lane.next) {
      if (lane.servedWithNext < least.servedWithNext) least = lane
    }
    return least
  }

  /** Behind the cursor: a newcomer's turn is last. */
  #link(lane: Lane): void {
    const cursor = this.#cursor
    if (cursor === undefined) {
      this.#cursor = lane
      return
    }
    lane.next = cursor
    lane.previous = cursor.previous
    cursor.previous.next = lane
    cursor.previous = lane
  }
}
