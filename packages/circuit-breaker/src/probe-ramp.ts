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
  readonly slowCallRatio: number
  readonly maxProbes: number
  readonly probeIntervalMs: number
  readonly timeoutMs: number
}

/**
 * Who may go while the circuit is half-open: rounds of 1, 2, 4, … probes up to `maxProbes`, never more
 * at once than the round is wide, nobody parked. A probe that takes longer than `probeIntervalMs`
 * frees its place and keeps its vote until its round is over: calls that never end cannot stop the
 * probing, and a downstream that is slow is still believed.
 *
 * Failures are judged round by round, for a downstream that is dead must not get fifteen calls to show
 * it. Slowness is judged once, over all probes: a slow answer is an answer, and of one or two nobody
 * can tell a share that is normal from one that is not.
 */
export class ProbeRamp {
  readonly #options: ProbeRampOptions
  readonly #startedAt: number
  /** Those that hold a place, oldest first. */
  readonly #placed = new Set<Probe>()
  /** Those that have taken too long to hold one, oldest first. */
  readonly #overdue = new Set<Probe>()
  #round: Round = { width: 1, good: 0, bad: 0 }
  readonly #votes = { good: 0, bad: 0, slow: 0 }
  #lastStartedAt: number

  constructor(options: ProbeRampOptions, now: number) {
    this.#options = options
    this.#startedAt = now
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
      this.#overdue.add(probe)
    }
    return 0
  }

  /** Whether a probe will not be heard of any more: a call would have run out of time long ago. */
  isStuck(now: number): boolean {
    for (const probe of this.#overdue) return now - probe.startedAt >= 2 * this.#options.timeoutMs
    return false
  }

  start(now: number): Probe {
    const probe: Probe = { startedAt: now, width: this.#round.width }
    this.#placed.add(probe)
    this.#lastStartedAt = now
    return probe
  }

  /**
   * Frees the place of a probe that says nothing about the downstream. When probing has led nowhere for
   * long, that is enough: as little would have kept a closed circuit closed.
   */
  ignore(probe: Probe, now: number): Verdict {
    this.#end(probe)
    return this.#mayBelieve(now) ? this.#unlessSlow() : 'undecided'
  }

  end(probe: Probe, isBad: boolean, isSlow: boolean): Verdict {
    this.#end(probe)
    if (probe.width !== this.#round.width) return 'undecided'
    this.#count(isBad, isSlow)
    const { failureRatio, maxProbes } = this.#options
    const verdict = judgeRound(this.#round, failureRatio, maxProbes)
    if (verdict === 'widen') {
      this.#round = { width: Math.min(this.#round.width * 2, maxProbes), good: 0, bad: 0 }
    }
    return verdict === 'recovered' ? this.#unlessSlow() : verdict
  }

  #end(probe: Probe): void {
    this.#placed.delete(probe)
    this.#overdue.delete(probe)
  }

  #count(isBad: boolean, isSlow: boolean): void {
    const { width, good, bad } = this.#round
    this.#round = isBad ? { width, good, bad: bad + 1 } : { width, good: good + 1, bad }
    this.#votes[isBad ? 'bad' : 'good'] += 1
    if (isSlow) this.#votes.slow += 1
  }

  #unlessSlow(): Verdict {
    const { good, bad, slow } = this.#votes
    return slow > this.#options.slowCallRatio * (good + bad) ? 'failed' : 'recovered'
  }

  /** Not while probes hang and none has been answered: then their silence is what tells. */
  #mayBelieve(now: number): boolean {
    const { probeIntervalMs, timeoutMs } = this.#options
    const ageMs = now - this.#startedAt
    if (ageMs < 2 * probeIntervalMs) return false
    this.waitMs(now)
    return this.#overdue.size === 0 || this.#votes.good > 0 || ageMs >= timeoutMs
  }
}
