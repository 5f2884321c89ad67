import type { Latency } from './recent-calls.ts'

/** Weight of a new round in what is usual: about the last three count. */
const roundWeight = 0.3

/** How long calls take while they do not meet the limit, in logarithms: what harm is told by. */
export class UsualLatency {
  #latency: Latency | undefined
  #isSeenUnmet = false

  get isKnown(): boolean {
    return this.#latency !== undefined
  }

  /** Logarithm of the mean. */
  get level(): number {
    return this.#latency?.mean ?? 0
  }

  /** Calls have met the limit from the very beginning: their latency has to do. */
  assume(latency: Latency): void {
    this.#latency ??= latency
  }

  /** A round has ended in which the limit was not met. */
  follow(latest: Latency): void {
    this.#isSeenUnmet = true
    this.#latency = this.#latency === undefined ? latest : mixed(this.#latency, latest)
  }

  /**
   * By how much latency has risen: the less of what the mean and the fastest quarter say. Waiting in
   * line delays all calls; a change of the mix moves the mean, and leaves the fastest where they were.
   * What the noise explains, one standard error, does not count; unless nothing was seen of the
   * downstream before it was under load, when a step too far is dearer than one too few.
   */
  rise(now: Latency): number {
    const usual = this.#latency
    if (usual === undefined) return 0
    const doubt = this.#isSeenUnmet ? 1 : 0
    return Math.min(
      now.mean - usual.mean - doubt * Math.hypot(now.meanError, usual.meanError),
      now.low - usual.low - doubt * Math.hypot(now.lowError, usual.lowError),
    )
  }
}

function mixed(before: Latency, latest: Latency): Latency {
  const mean = (a: number, b: number): number => a + roundWeight * (b - a)
  const error = (a: number, b: number): number => Math.hypot((1 - roundWeight) * a, roundWeight * b)
  return {
    mean: mean(before.mean, latest.mean),
    meanError: error(before.meanError, latest.meanError),
    low: mean(before.low, latest.low),
    lowError: error(before.lowError, latest.lowError),
  }
}
