import type { QueueEntry } from './queue-entry.ts'

/** Rebuild when more than this many entries, and most of them, have left already. */
const slack = 64

/**
 * Entries by the time they expire. An entry that leaves the queue earlier stays here, dead, until it
 * surfaces or the dead outnumber the living: so leaving is O(1) and memory stays bounded.
 */
export class ExpiryHeap {
  #entries: QueueEntry[] = []

  /** The next living entry to expire. */
  peek(): QueueEntry | undefined {
    while (this.#entries.length > 0 && this.#entries[0]!.lane === undefined) this.#pop()
    return this.#entries[0]
  }

  push(entry: QueueEntry, living: number): void {
    if (this.#entries.length > 2 * living + slack) this.#rebuild()
    this.#entries.push(entry)
    this.#siftUp(this.#entries.length - 1)
  }

  #rebuild(): void {
    const living = this.#entries.filter((entry) => entry.lane !== undefined)
    // A sorted array is a heap.
    this.#entries = living.sort((a, b) => a.expiresAt - b.expiresAt)
  }

  #pop(): void {
    const last = this.#entries.pop()
    if (last === undefined || this.#entries.length === 0) return
    this.#entries[0] = last
    this.#siftDown()
  }

  #siftUp(start: number): void {
    const entries = this.#entries
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (entries[parent]!.expiresAt <= entries[index]!.expiresAt) return
      swap(entries, parent, index)
      index = parent
    }
  }

  #siftDown(): void {
    const entries = this.#entries
    let index = 0
    for (;;) {
      const child = earlierChild(entries, index)
      if (child === undefined || entries[child]!.expiresAt >= entries[index]!.expiresAt) return
      swap(entries, child, index)
      index = child
    }
  }
}

function earlierChild(entries: readonly QueueEntry[], index: number): number | undefined {
  const left = 2 * index + 1
  const right = left + 1
  if (left >= entries.length) return undefined
  if (right >= entries.length) return left
  return entries[right]!.expiresAt < entries[left]!.expiresAt ? right : left
}

function swap(entries: QueueEntry[], a: number, b: number): void {
  const held = entries[a]!
  entries[a] = entries[b]!
  entries[b] = held
}
