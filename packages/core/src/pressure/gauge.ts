import type { SignalStats } from './load-shedder.ts'
import { nextPressure } from './shed-ratio.ts'
import type { Interval, Signal, SignalContext, SignalReader } from './signal.ts'

/** A signal that is being read: its pressure, and how many readings were none. */
export class Gauge {
  readonly name: string
  readonly #reader: SignalReader
  /** By the readings so far, smoothed. */
  pressure = 0
  #ignored = 0

  constructor(signal: Signal, context: SignalContext) {
    this.name = signal.name
    this.#reader = signal.start(context)
  }

  read(interval: Interval): void {
    const reading = this.#ask(interval)
    if (reading === undefined) return
    if (typeof reading === 'number' && reading >= 0) {
      this.pressure = nextPressure(this.pressure, Math.min(1, reading))
    } else this.#ignored += 1
  }

  woke(now: number): void {
    this.#reader.woke?.(now)
  }

  stats(): SignalStats {
    return { pressure: this.pressure, ignored: this.#ignored }
  }

  /** A reading that fails says nothing: a broken signal must not close the service. */
  #ask(interval: Interval): unknown {
    try {
      return this.#reader.read(interval)
    } catch {
      return NaN
    }
  }
}
