import type { SignalStats } from './load-shedder.ts'
import { nextPressure } from './shed-ratio.ts'
import type { Interval, Signal, SignalContext, SignalReader } from './signal.ts'

/** A signal that is being read: its pressure, and how many readings were none. */
export class Gauge {
  readonly name: string
  readonly #reader: SignalReader
  /** By the readings so far, smoothed. */
  pressure = 0
  /** At the request that was decided on last. */
  present = 0
  #ignored = 0

  constructor(signal: Signal, context: SignalContext) {
    this.name = signal.name
    this.#reader = signal.start(context)
  }

  get isLive(): boolean {
    return this.#reader.atRequest !== undefined
  }

  /** A reading that fails says nothing: a broken signal must not close the service. */
  read(interval: Interval): void {
    let reading: number | undefined
    try {
      reading = this.#reader.read(interval)
    } catch {
      this.#ignored += 1
      return
    }
    if (reading === undefined) return
    if (typeof reading !== 'number' || !(reading >= 0)) {
      this.#ignored += 1
      return
    }
    this.pressure = nextPressure(this.pressure, Math.min(1, reading))
    if (!this.isLive) this.present = this.pressure
  }

  ask(now: number): number {
    this.present = this.#reader.atRequest!(now)
    return this.present
  }

  woke(now: number): void {
    this.#reader.woke?.(now)
  }

  stop(): void {
    this.#reader.stop?.()
  }

  stats(): SignalStats {
    return { pressure: this.pressure, ignored: this.#ignored }
  }
}
