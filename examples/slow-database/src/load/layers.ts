import type { Stream } from './stream.ts'

/** Load that was added and can be taken away again. */
interface Layer {
  readonly rate: number
  readonly streams: readonly Stream[]
}

/** Streams beside each other; the rate is the sum of all. */
export class Layers {
  readonly #start: (rate: number) => readonly Stream[]
  readonly #layers: Layer[] = []

  /** `start` begins streams of so many requests a second. */
  constructor(start: (rate: number) => readonly Stream[]) {
    this.#start = start
  }

  /** What runs goes on as it is; more is added beside it, and taken away again. */
  setRate(rate: number): void {
    while (this.#rate() > rate) this.#removeLayer()
    const missing = rate - this.#rate()
    if (missing > 0) this.#layers.push({ rate: missing, streams: this.#start(missing) })
  }

  #rate(): number {
    return this.#layers.reduce((sum, { rate }) => sum + rate, 0)
  }

  #removeLayer(): void {
    for (const stream of this.#layers.pop()?.streams ?? []) stream.stop()
  }
}
