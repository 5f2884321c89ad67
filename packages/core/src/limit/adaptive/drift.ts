/** Weight of a new pair of slots: about the last five count. One alone is mostly noise. */
const weight = 0.2

/**
 * How fast latency rises or falls by itself, from pair of slots to pair: so it changes within a pair,
 * too, and that part is no answer to the load. In logarithms per millisecond.
 */
export class Drift {
  #rate = 0
  #pairedAt: number | undefined

  /** Nothing is known of it: what latency is compared with is from another time. */
  forget(): void {
    this.#rate = 0
    this.#pairedAt = undefined
  }

  /** A pair has ended. @param level by how much latency has risen since the one before */
  add(level: number, at: number): void {
    const since = this.#pairedAt
    this.#pairedAt = at
    if (since === undefined) return
    this.#rate += weight * (level / (at - since) - this.#rate)
  }

  /** By how much latency rises in this time. */
  within(ms: number): number {
    return this.#rate * ms
  }
}
