/** So many slices of time are looked at before anything is said: the first ones run cold code. */
const leastEvidence = 3
/** By how much it goes up with each slice that was dearer. */
const rise = 1.02
/** From which it can go up again. */
const floorMs = 0.01

/**
 * What a request costs the process at least, at present: a minimum over slices of time that slowly
 * forgets. Requests are unlike: one that blocks for long tells nothing of those behind it, and somebody
 * who would wait in vain is told by the clock; a wrong refusal could never be made good.
 */
export class LeastCost {
  #slices = 0
  #ms = 0

  /** Milliseconds for each request; 0 while it is not known. */
  get ms(): number {
    return this.#slices < leastEvidence ? 0 : this.#ms
  }

  /** A slice in which so many requests were run took so long. */
  learn(ran: number, tookMs: number): void {
    if (ran === 0) return
    const eachMs = tookMs / ran
    const risen = this.#slices === 0 ? Infinity : Math.max(floorMs, rise * this.#ms)
    this.#ms = Math.min(eachMs, risen)
    this.#slices += 1
  }
}
