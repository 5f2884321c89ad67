/** Something that happens at a virtual time. Whoever owns it may schedule it again and again. */
export abstract class SimEvent {
  at = 0
  order = 0
  /** Place in the heap; -1 while not scheduled. */
  slot = -1

  abstract fire(): void
}

/** An event that is a function. */
export class Moment extends SimEvent {
  readonly #run: () => void

  constructor(run: () => void) {
    super()
    this.#run = run
  }

  fire(): void {
    this.#run()
  }
}

/** Virtual time: an indexed binary heap. Ties happen in the order in which they were scheduled. */
export class EventQueue {
  now = 0
  fired = 0
  readonly #heap: SimEvent[] = []
  #order = 0
  #isPaused = false

  get size(): number {
    return this.#heap.length
  }

  peek(): SimEvent | undefined {
    return this.#heap[0]
  }

  schedule(event: SimEvent, at: number): void {
    if (event.slot >= 0) this.cancel(event)
    event.at = at > this.now ? at : this.now
    event.order = this.#order++
    this.#heap.push(event)
    this.#rise(event, this.#heap.length - 1)
  }

  cancel(event: SimEvent): void {
    const { slot } = event
    if (slot < 0) return
    event.slot = -1
    const last = this.#heap.pop()!
    if (last === event) return
    this.#rise(last, slot)
    if (last.slot === slot) this.#sink(last, slot)
  }

  /** Lets everything happen up to and including `end`. */
  runUntil(end: number): 'done' | 'paused' {
    const heap = this.#heap
    while (heap.length > 0) {
      if (this.#isPaused) {
        this.#isPaused = false
        return 'paused'
      }
      const next = heap[0]!
      if (next.at > end) break
      this.cancel(next)
      this.now = next.at
      this.fired += 1
      next.fire()
    }
    this.now = end
    return 'done'
  }

  /** Stops before the next event: somebody waits for a microtask, which takes no virtual time. */
  pause(): void {
    this.#isPaused = true
  }

  #rise(event: SimEvent, from: number): void {
    const heap = this.#heap
    let slot = from
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1
      const parent = heap[parentSlot]!
      if (!isBefore(event, parent)) break
      place(heap, parent, slot)
      slot = parentSlot
    }
    place(heap, event, slot)
  }

  #sink(event: SimEvent, from: number): void {
    const heap = this.#heap
    const { length } = heap
    let slot = from
    for (;;) {
      let childSlot = 2 * slot + 1
      if (childSlot >= length) break
      if (childSlot + 1 < length && isBefore(heap[childSlot + 1]!, heap[childSlot]!)) childSlot += 1
      const child = heap[childSlot]!
      if (!isBefore(child, event)) break
      place(heap, child, slot)
      slot = childSlot
    }
    place(heap, event, slot)
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function place(heap: SimEvent[], event: SimEvent, slot: number): void {
  heap[slot] = event
  event.slot = slot
}
