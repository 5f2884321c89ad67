import type { Limit, Sample } from '@spillway/core'

/** What a circuit says to calls that have waited. */
export interface Gate {
  readonly mayStart: boolean
}

/** A guard's limit: nothing starts while the circuit is half-open and all its probes are taken. */
export class ProbingLimit implements Limit {
  readonly #limit: Limit
  readonly #gate: () => Gate | undefined

  constructor(limit: Limit, gate: () => Gate | undefined) {
    this.#limit = limit
    this.#gate = gate
  }

  get algorithm(): string {
    return this.#limit.algorithm
  }

  get current(): number {
    return this.#limit.current
  }

  get permitIntervalMs(): number | undefined {
    return this.#limit.permitIntervalMs
  }

  get reason(): string {
    return this.#limit.reason
  }

  at(now: number): number {
    return this.#gate()?.mayStart === false ? 0 : this.#limit.at(now)
  }

  onSample(sample: Sample, now: number): void {
    this.#limit.onSample(sample, now)
  }
}
