/** How one round of probes stands. */
export interface Round {
  /** Probes that the round consists of, and that may be in flight at once. */
  readonly width: number
  readonly good: number
  readonly bad: number
}

/** What a round says about the downstream. */
export type Verdict =
  /** not all of the round's probes have ended */
  | 'undecided'
  /** it bears this many: the next round is twice as wide */
  | 'widen'
  /** the widest round has succeeded */
  | 'recovered'
  /** too many of the round have failed */
  | 'failed'

/** A round may fail as much as a closed circuit may, but not altogether. */
export function judgeRound(round: Round, failureRatio: number, maxProbes: number): Verdict {
  const { width, good, bad } = round
  if (bad >= width || bad > failureRatio * width) return 'failed'
  if (good + bad < width) return 'undecided'
  return width >= maxProbes ? 'recovered' : 'widen'
}

/** A call that was let through to see how it goes. */
export interface Probe {
  readonly startedAt: number
  /** Width of the round it was started in; it has no say in another. */
  readonly width: number
}

export interface ProbeRampOptions {
  readonly failureRatio: number
  readonly maxProbes: number
  readonly probeIntervalMs: number
}

/**
 * Who may go while the circuit is half-open: rounds of 1, 2, 4, … probes up to `maxProbes`, never more
 * at once than the round is wide, nobody parked. A probe that takes longer than `probeIntervalMs`
 * frees its place and keeps its vote until its round is over: calls that never end cannot stop the
 * probing, and a downstream that is slow is still believed.
 */
export class ProbeRamp {
  readonly #options: ProbeRampOptions
  /** Those that hold a place, oldest first. */
  readonly #placed = new Set<Probe>()
  #round: Round = { width: 1, good: 0, bad: 0 }
  #lastStartedAt: number

  constructor(options: ProbeRampOptions, now: number) {
    this.#options = options
    this.#lastStartedAt = now
  }

  /** When the latest probe was started, or the ramp. */
  get lastStartedAt(): number {
    return this.#lastStartedAt
  }

  /** Milliseconds until there is a place for another probe, at the latest; 0: there is one. */
  waitMs(now: number): number {
    for (const probe of this.#placed) {
      const freeInMs = probe.startedAt + this.#options.probeIntervalMs - now
      if (freeInMs > 0) return this.#placed.size < this.#round.width ? 0 : freeInMs
      this.#placed.delete(probe)
    }
    return 0
  }

  start(now: number): Probe {
    const probe: Probe = { startedAt: now, width: this.#round.width }
    this.#placed.add(probe)
    this.#lastStartedAt = now
    return probe
  }

  /** Frees the place and says nothing about the downstream. */
  ignore(probe: Probe): void {
    this.#placed.delete(probe)
  }

  end(probe: Probe, isBad: boolean): Verdict {
    this.#placed.delete(probe)
    const { width, good, bad } = this.#round
    if (probe.width !== width) return 'undecided'
    this.#round = { width, good: good + (isBad ? 0 : 1), bad: bad + (isBad ? 1 : 0) }
    const { failureRatio, maxProbes } = this.#options
    const verdict = judgeRound(this.#round, failureRatio, maxProbes)
    if (verdict === 'widen') {
      this.#round = { width: Math.min(width * 2, maxProbes), good: 0, bad: 0 }
    }
    return verdict
  }
}
