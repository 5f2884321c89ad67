import type { Clock, TimerHandle } from '@spillway/core'
import { setAwaitedTimer } from '@spillway/core'

/** Something that must be told when its time is up. */
export interface Expiring {
  /** Monotonic milliseconds. */
  readonly expiresAt: number
  /** Its place in the heap, -1 outside; written by {@link Expiries} only. */
  place: number
  expire(): void
}

/**
 * Many deadlines, one timer. A binary heap whose members know their place: with one timeout for all,
 * which is the common case, adding costs a comparison, and a call that ends in time is removed in
 * O(log n) without touching the timer. The timer is left alone when the first deadline goes: it fires
 * for nothing once in a timeout instead of being set anew for each call (a `setTimeout` with its
 * `clearTimeout` costs more than the whole heap). It keeps the process alive while it has members.
 */
export class Expiries {
  readonly #clock: Clock
  readonly #heap: Expiring[] = []
  #timer: TimerHandle | undefined
  #timerAt = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#heap.length
  }

  /** `now` is passed in because every caller has just read the clock. */
  add(item: Expiring, now: number): void {
    this.#heap.push(item)
    this.#siftUp(item, this.#heap.length - 1)
    if (this.#heap.length === 1) this.#keepAlive(true)
    this.#arm(this.#heap[0]!.expiresAt, now)
  }

  /** Does nothing for an item that is not in. */
  remove(item: Expiring): void {
    const place = item.place
    if (place < 0) return
    item.place = -1
    const last = this.#heap.pop()!
    if (this.#heap.length === 0) this.#keepAlive(false)
    if (last === item) return
    this.#siftUp(last, place)
    this.#siftDown(last, last.place)
  }

  /** Forgets the timer; members stay, and are told nothing. */
  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#timerAt = Infinity
  }

  #arm(expiresAt: number, now: number): void {
    if (expiresAt >= this.#timerAt) return
    this.close()
    this.#timerAt = expiresAt
    // Rounded up: a timer that came early would find nothing due and have to be set again.
    const delayMs = Math.max(0, Math.ceil(expiresAt - now))
    this.#timer = setAwaitedTimer(this.#clock, this.#onTimer, delayMs)
  }

  #keepAlive(isAwaited: boolean): void {
    if (this.#timer !== undefined) this.#clock.keepAlive?.(this.#timer, isAwaited)
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    this.#timerAt = Infinity
    const now = this.#clock.now()
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.expiresAt > now) return this.#arm(first.expiresAt, now)
      this.remove(first)
      first.expire()
    }
  }

  #siftUp(item: Expiring, start: number): void {
    let place = start
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (this.#heap[parent]!.expiresAt <= item.expiresAt) break
      this.#put(this.#heap[parent]!, place)
      place = parent
    }
    this.#put(item, place)
  }

  #siftDown(item: Expiring, start: number): void {
    let place = start
    for (;;) {
      const child = this.#earlierChild(place)
      if (child === undefined || child.expiresAt >= item.expiresAt) break
      const childPlace = child.place
      this.#put(child, place)
      place = childPlace
    }
    this.#put(item, place)
  }

  #earlierChild(place: number): Expiring | undefined {
    const left = this.#heap[2 * place + 1]
    const right = this.#heap[2 * place + 2]
    return right !== undefined && right.expiresAt < left!.expiresAt ? right : left
  }

  #put(item: Expiring, place: number): void {
    this.#heap[place] = item
    item.place = place
  }
}
