import type { BreakerControl, BreakerRefusal, BreakerStats } from '@spillway/circuit-breaker'
import { breakerError } from '@spillway/circuit-breaker'
import type { Limiter, LimiterStats, Mode, Refusal } from '@spillway/core'
import {
  adaptiveLimit,
  createLimiter,
  Durations,
  functionOption,
  hasDeadline,
  knownCallOptions,
  makeLimit,
} from '@spillway/core'
import { callDeadlines } from '@spillway/plugin-kit'
import type { AskedCall } from './call-time.ts'
import { Call } from './call.ts'
import { Caller } from './caller.ts'
import type { Work } from './work.ts'
import type { CallContext } from './call-context.ts'
import type { CallOptions } from './call-options.ts'
import { checkOptions } from './call-options.ts'
import { Circuit } from './circuit.ts'
import { Expiries } from './expiries.ts'
import { ProbingLimit } from './probing-limit.ts'
import type { GuardOptions, ParsedGuardOptions } from './options.ts'
import { parseOptions } from './options.ts'

/** The limiter's numbers, and who is inside. */
export interface GuardStats extends LimiterStats {
  /** Calls that have started and not ended, whoever still waits for them. */
  readonly running: number
  /** Running calls whose caller has left: hung up, or got its timeout. */
  readonly abandoned: number
  /** Calls that succeeded after their time was up: work for nobody. Only ever grows. */
  readonly late: number
  /** Calls whose time was up, and that ran on because the guard merely observes. Only ever grows. */
  readonly wouldHaveTimedOut: number
  /** Undefined for a guard without one. */
  readonly breaker: BreakerStats | undefined
  /** Calls that ran although the circuit was open, because the guard merely observes. */
  readonly wouldHaveRefusedByCircuit: number
}

/** A named downstream (a database, an API) that is asked no more than it can answer. */
export interface Guard {
  readonly name: string
  /** Admission itself; for reading, and for work that needs the permit in hand. */
  readonly limiter: Limiter
  /** To watch it, or to open and close it by hand; undefined for a guard without one. */
  readonly breaker: BreakerControl | undefined
  /**
   * Of limiter and breaker. Change it at any time: whoever waits runs at once unless it is `enforce`.
   *
   * @throws SPW_ERR_OPTION when it is set to something that is no mode
   */
  mode: Mode
  /**
   * Runs `work` when the downstream has room for it. The returned promise settles at the call's
   * deadline or timeout, and at once when `options.signal` aborts; the signal that `work` got aborts
   * then, and the permit stays taken until the promise of `work` has settled. Unless the guard
   * enforces, the promise settles as that of `work`, whose signal aborts with `options.signal` only.
   * `options.permit` is paused until the returned promise settles, unless that is at once.
   *
   * @throws SPW_ERR_CIRCUIT_OPEN (503) when the downstream has failed and is not asked for a while
   * @throws SPW_ERR_LIMIT_EXCEEDED, SPW_ERR_QUEUE_TIMEOUT, SPW_ERR_DEADLINE (503) when it was not run
   * @throws SPW_ERR_CALL_TIMEOUT (504) when it ran longer than its deadline or `timeoutMs`
   * @throws SPW_ERR_CANCELLED (499) when `options.signal` aborted; its reason is the `cause`
   * @throws SPW_ERR_CLOSED (503) after `close`
   * @throws SPW_ERR_OPTION when one of `options` is unknown or of the wrong type
   * @throws whatever `work` throws
   */
  run<T>(work: Work<T>, options?: CallOptions): Promise<T>
  /** The refusal that such a call would get right now, without asking for anything. */
  wouldRefuse(options?: CallOptions): Refusal | BreakerRefusal | undefined
  stats(): GuardStats
  /** Refuses waiting and later calls; running ones end as they would. */
  close(): void
}

/**
 * Makes the guard of one downstream.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function createGuard(options: GuardOptions): Guard {
  return new LimitedGuard(parseOptions(options))
}

const noOptions: CallOptions = Object.freeze({})

class LimitedGuard implements Guard {
  readonly name: string
  readonly limiter: Limiter
  readonly #context: CallContext
  readonly #deadlineMs: number | undefined

  constructor(options: ParsedGuardOptions) {
    let circuit: Circuit | undefined
    const { clock } = options
    const limit = makeLimit(options.limiter.limit ?? adaptiveLimit(), { clock })
    const gated = options.circuit === undefined ? limit : new ProbingLimit(limit, () => circuit)
    this.limiter = createLimiter({ ...options.limiter, limit: () => gated })
    if (options.circuit !== undefined) circuit = new Circuit(options.circuit, this.limiter)
    this.name = this.limiter.name
    this.#deadlineMs = options.deadlineMs
    this.#context = {
      timeoutMs: options.timeoutMs,
      clock,
      classify: options.classify,
      expiries: new Expiries(clock),
      circuit,
      counts: { running: 0, abandoned: 0, late: 0, wouldHaveTimedOut: 0 },
      usual: new Durations(),
    }
  }

  get breaker(): BreakerControl | undefined {
    return this.#context.circuit?.breaker
  }

  get mode(): Mode {
    return this.limiter.mode
  }

  set mode(mode: Mode) {
    this.limiter.mode = mode
  }

  run<T>(work: Work<T>, options: CallOptions = noOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      functionOption('work', work)
      const asked = this.#asked(options)
      const refusal = this.#context.circuit?.refuse()
      if (refusal !== undefined) throw breakerError(refusal)
      this.#admit(
        new Call(this.#context, work, asked, new Caller(resolve, reject, asked.permit)),
        asked,
      )
    })
  }

  wouldRefuse(options: CallOptions = noOptions): Refusal | BreakerRefusal | undefined {
    const asked = this.#asked(options)
    return this.#context.circuit?.wouldRefuse() ?? this.limiter.wouldRefuse(asked)
  }

  stats(): GuardStats {
    const { circuit, counts } = this.#context
    return {
      ...this.limiter.stats(),
      ...counts,
      breaker: circuit?.breaker.stats(),
      wouldHaveRefusedByCircuit: circuit?.wouldHaveRefused ?? 0,
    }
  }

  close(): void {
    this.limiter.close()
    this.#context.circuit?.breaker.shutdown()
  }

  #admit<T>(call: Call<T>, options: CallOptions): void {
    const mayWait = this.#context.circuit?.mayWait ?? true
    const admission = this.limiter.admit(options, mayWait ? call : undefined)
    if (admission.kind === 'permit') call.start(admission)
    else if (admission.kind === 'refusal') call.refuse(admission)
    else call.wait()
    // Only now: it lets others run, and what has just been decided was decided without them.
    call.pauseCaller()
  }

  /**
   * Checked before anything is taken for the call. A copy: the options of a call within a call tell
   * what is left, which gets less as it waits.
   */
  #asked(options: CallOptions): AskedCall {
    const { priority, partition, workload, signal, permit } = knownCallOptions(options)
    const { deadlineMs: handedMs, callerDeadlineMs } = callDeadlines(options)
    const asked: AskedCall = {
      priority,
      partition,
      workload,
      signal,
      permit,
      deadlineMs: hasDeadline(handedMs) ? handedMs : this.#deadlineMs,
      callerDeadlineMs,
      handedMs,
      mode: this.limiter.mode,
    }
    checkOptions(asked)
    return asked
  }
}
