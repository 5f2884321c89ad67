import { oneOf } from '@spillway/core'
import type { BreakerOutcome, BreakerPass } from './breaker.ts'
import type { Probe, ProbeRamp } from './probe-ramp.ts'

/**
 * What the breaker is doing. Each change of state makes a new object, which is the generation that
 * passes belong to. `attempt`: how often in a row the circuit has opened, before this time.
 */
export type Phase =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: number; readonly attempt: number }
  | HalfOpen

export interface HalfOpen {
  readonly kind: 'half_open'
  readonly ramp: ProbeRamp
  readonly attempt: number
}

/** Who gives passes out and is told how they end, each once. */
export interface PassOwner {
  /** @param start the probe, or when another call was started */
  ended(phase: Phase, start: Probe | number, outcome: BreakerOutcome): void
}

const outcomes: readonly BreakerOutcome[] = ['success', 'failure', 'timeout', 'ignored']

/** Knows its generation; that of a probe also its round. */
export class Pass implements BreakerPass {
  readonly kind = 'pass'
  readonly #owner: PassOwner
  readonly #phase: Phase
  readonly #start: Probe | number
  #hasEnded = false

  constructor(owner: PassOwner, phase: Phase, start: Probe | number) {
    this.#owner = owner
    this.#phase = phase
    this.#start = start
  }

  get isProbe(): boolean {
    return typeof this.#start !== 'number'
  }

  end(outcome: BreakerOutcome): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const isKnown = outcomes.includes(outcome)
    this.#owner.ended(this.#phase, this.#start, isKnown ? outcome : 'ignored')
    // Only now: a pass that never ends would do more harm than a wrong word.
    if (!isKnown) oneOf('outcome', outcome, outcomes)
  }
}
