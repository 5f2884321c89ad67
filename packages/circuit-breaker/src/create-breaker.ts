import type { Clock } from '@spillway/core'
import { functionOption } from '@spillway/core'
import { Announcer } from './announcer.ts'
import type {
  Breaker,
  BreakerOutcome,
  BreakerPass,
  BreakerRefusal,
  BreakerState,
  BreakerStats,
  CallOptions,
  ChangeReason,
  StateChange,
  Work,
} from './breaker.ts'
import { breakerRefusal } from './breaker.ts'
import type { CallContext } from './call.ts'
import { runCall } from './call.ts'
import { openTimeMs } from './open-time.ts'
import type { BreakerOptions, ParsedOptions } from './options.ts'
import { parseOptions } from './options.ts'
import { Pass } from './pass.ts'
import type { HalfOpen, PassOwner, Phase } from './pass.ts'
import type { Probe, Verdict } from './probe-ramp.ts'
import { ProbeRamp } from './probe-ramp.ts'
import { RollingRatio } from './rolling-ratio.ts'

/**
 * Makes the breaker of one downstream.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function createBreaker(options: BreakerOptions): Breaker {
  return new WindowedBreaker(parseOptions(options))
}

const noOptions: CallOptions = Object.freeze({})

/**
 * Closed: opossum counts and says when to open. Open and half-open: timestamps, and a ramp of probes.
 * No timer anywhere; what the clock has changed is found out by the next call.
 */
class WindowedBreaker implements Breaker, PassOwner {
  readonly name: string
  readonly #options: ParsedOptions
  readonly #clock: Clock
  /** What its calls share. */
  readonly #context: CallContext
  readonly #failures: RollingRatio
  readonly #slowness: RollingRatio | undefined
  readonly #announcer = new Announcer()
  readonly #counts = {
    inFlight: 0,
    successes: 0,
    failures: 0,
    timeouts: 0,
    ignored: 0,
    refused: 0,
    stragglers: 0,
    opened: 0,
  }
  #phase: Phase = { kind: 'closed' }
  #isShutdown = false

  constructor(options: ParsedOptions) {
    this.name = options.name
    this.#options = options
    this.#clock = options.clock
    this.#context = { breaker: this, ...options }
    this.#failures = this.#window(options.failureRatio, 'failures')
    if (options.slowCallMs === undefined) return
    this.#slowness = this.#window(options.slowCallRatio, 'slow_calls')
  }

  get state(): BreakerState {
    const phase = this.#phase
    return phase.kind === 'open' && this.#clock.now() >= phase.until ? 'half_open' : phase.kind
  }

  admit(): BreakerPass | BreakerRefusal {
    const now = this.#clock.now()
    const refusal = this.#refusalAt(now)
    if (refusal !== undefined) {
      this.#counts.refused += 1
      return refusal
    }
    if (this.#phase.kind === 'open') this.#halfOpen(this.#phase.attempt, now)
    else if (isStuck(this.#phase, now)) this.#close('no_evidence')
    this.#counts.inFlight += 1
    const phase = this.#phase
    return new Pass(this, phase, phase.kind === 'half_open' ? phase.ramp.start(now) : now)
  }

  refuse(): BreakerRefusal | undefined {
    const refusal = this.wouldRefuse()
    if (refusal !== undefined) this.#counts.refused += 1
    return refusal
  }

  wouldRefuse(): BreakerRefusal | undefined {
    // The usual case, without a look at the clock.
    if (this.#phase.kind === 'closed' && !this.#isShutdown) return undefined
    return this.#refusalAt(this.#clock.now())
  }

  trip(): void {
    if (this.#phase.kind !== 'closed' || this.#options.failureRatio >= 1) return
    this.#openFor(0, this.#clock.now(), 'tripped')
  }

  run<T>(work: Work<T>, options: CallOptions = noOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      functionOption('work', work)
      runCall(this.#context, work, options, resolve, reject)
    })
  }

  stats(): BreakerStats {
    const { name, state } = this
    return { name, state, ...this.#counts, failureRatio: this.#failures.ratio(this.#clock.now()) }
  }

  open(): void {
    this.#become({ kind: 'open', until: Infinity, attempt: 0 }, 'manual')
  }

  close(): void {
    this.#close('manual')
  }

  onStateChange(listener: (change: StateChange) => void): () => void {
    return this.#announcer.add(listener)
  }

  shutdown(): void {
    this.#isShutdown = true
    this.#failures.shutdown()
    this.#slowness?.shutdown()
    this.#announcer.clear()
  }

  /** PassOwner */
  ended(phase: Phase, start: Probe | number, outcome: BreakerOutcome): void {
    this.#count(outcome)
    if (this.#isShutdown) return
    if (phase !== this.#phase) this.#counts.stragglers += 1
    else if (typeof start === 'number') this.#callEnded(start, outcome)
    else this.#probeEnded(start, outcome)
  }

  #window(badRatio: number, reason: ChangeReason): RollingRatio {
    const { name, windowMs, minimumCalls } = this.#options
    const options = { name, windowMs, minimumCalls, badRatio }
    return new RollingRatio(options, this.#clock.now(), () => {
      this.#openFor(0, this.#clock.now(), reason)
    })
  }

  #refusalAt(now: number): BreakerRefusal | undefined {
    if (this.#isShutdown) return breakerRefusal('shutdown', 0)
    const phase = this.#phase
    if (phase.kind === 'closed' || isStuck(phase, now)) return undefined
    if (phase.kind === 'half_open') return refusalUnless(phase.ramp.waitMs(now), 'probing')
    // Nobody knows when an operator will close it again.
    return refusalUnless(Math.min(phase.until - now, this.#options.maxOpenMs), 'open')
  }

  #count(outcome: BreakerOutcome): void {
    this.#counts.inFlight -= 1
    if (outcome === 'success') this.#counts.successes += 1
    else if (outcome === 'ignored') this.#counts.ignored += 1
    else this.#counts.failures += 1
    if (outcome === 'timeout') this.#counts.timeouts += 1
  }

  #callEnded(startedAt: number, outcome: BreakerOutcome): void {
    if (outcome === 'ignored') return
    const now = this.#clock.now()
    this.#failures.record(outcome !== 'success', now)
    // The failure may have opened the circuit.
    if (this.#phase.kind === 'closed') this.#slowness?.record(this.#isSlow(startedAt, now), now)
  }

  #probeEnded(probe: Probe, outcome: BreakerOutcome): void {
    const phase = this.#phase
    if (phase.kind !== 'half_open') return
    const now = this.#clock.now()
    if (outcome === 'ignored') {
      this.#decide(phase, phase.ramp.ignore(probe, now), 'no_evidence')
      return
    }
    const isSlow = this.#isSlow(probe.startedAt, now)
    this.#decide(phase, phase.ramp.end(probe, outcome !== 'success', isSlow), 'probes_succeeded')
  }

  #decide(phase: HalfOpen, verdict: Verdict, closes: ChangeReason): void {
    if (verdict === 'recovered') this.#close(closes)
    // Counted from the latest probe: one that took its time to fail has kept the others away already.
    if (verdict === 'failed') {
      this.#openFor(phase.attempt + 1, phase.ramp.lastStartedAt, 'probes_failed')
    }
  }

  #isSlow(startedAt: number, now: number): boolean {
    return now - startedAt > (this.#options.slowCallMs ?? Infinity)
  }

  #openFor(attempt: number, from: number, reason: ChangeReason): void {
    const { openMs, maxOpenMs, random } = this.#options
    const until = from + openTimeMs({ openMs, maxOpenMs, attempt }, random())
    this.#become({ kind: 'open', until, attempt }, reason)
  }

  #halfOpen(attempt: number, now: number): void {
    this.#become(
      { kind: 'half_open', ramp: new ProbeRamp(this.#options, now), attempt },
      'open_time_over',
    )
  }

  #close(reason: ChangeReason): void {
    const now = this.#clock.now()
    this.#failures.reset(now)
    this.#slowness?.reset(now)
    this.#become({ kind: 'closed' }, reason)
  }

  #become(phase: Phase, reason: ChangeReason): void {
    const change = { breaker: this.name, from: this.#phase.kind, to: phase.kind, reason }
    this.#phase = phase
    if (change.from === change.to) return
    if (change.to === 'open') this.#counts.opened += 1
    this.#announcer.announce(change)
  }
}

function isStuck(phase: Phase, now: number): boolean {
  return phase.kind === 'half_open' && phase.ramp.isStuck(now)
}

function refusalUnless(
  waitMs: number,
  reason: BreakerRefusal['reason'],
): BreakerRefusal | undefined {
  return waitMs <= 0 ? undefined : breakerRefusal(reason, waitMs)
}
