import type { ManualClock } from '@spillway/test-support'

/** A pool of connections in virtual time, first come, first served; it can crash and come back. */
export class SimulatedDatabase {
  static readonly connections = 10
  static readonly queryMs = 20
  static readonly capacityPerSecond: number =
    (SimulatedDatabase.connections * 1000) / SimulatedDatabase.queryMs

  isUp = true
  /** Queries that were asked, whatever came of them. */
  asked = 0
  /** Most that were asked and not answered at the same time. */
  mostInside = 0
  #inside = 0
  readonly #clock: ManualClock
  readonly #waiting: (() => void)[] = []
  #free = SimulatedDatabase.connections

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  /** A crash is felt at once: the answer of one that is down takes a millisecond. */
  async query(): Promise<void> {
    this.asked += 1
    this.#inside += 1
    this.mostInside = Math.max(this.mostInside, this.#inside)
    await (this.isUp ? this.#serve() : this.#wait(1))
    this.#inside -= 1
    if (!this.isUp) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  }

  async #serve(): Promise<void> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((start) => this.#waiting.push(start))
    await this.#wait(SimulatedDatabase.queryMs)
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(resolve, ms))
  }
}

/** Lets what was resolved run on. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve()
}
