import { isDeepStrictEqual } from 'node:util'
import { createLimiter, rankOf } from '@spillway/core'
import type { Admission, Limiter, Outcome, Permit, Refusal, Waiting } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import type { Action, Ask, Reaction } from './action.ts'
import { Caller } from './caller.ts'
import type { CallerWatch } from './caller.ts'

export interface WorldOptions {
  readonly limit: number
  readonly maxSize: number
  readonly queueMaxWaitMs?: number | undefined
}

/**
 * A limiter, its callers, and a second set of books on who runs and who waits. What must hold at the
 * moment of an answer is judged here and kept as a violation: an exception thrown inside a waiter
 * would end up with whoever released the permit.
 */
export class World implements CallerWatch {
  readonly clock = new ManualClock()
  readonly limit: MovableLimit
  readonly options: WorldOptions
  readonly limiter: Limiter
  readonly callers: Caller[] = []
  readonly #unended = new Set<Caller>()
  /** Those who took a place in a full queue and whose victim has not been told yet, in order. */
  readonly #evictors: Caller[] = []
  /** Out of the queue by a drain, and not all told yet. */
  readonly #drained = new Set<Caller>()
  #places = 0
  readonly violations: string[] = []
  /** Every permit that was handed to somebody who waited, in order. */
  readonly grants: Caller[] = []
  readonly released: Record<Outcome, number> = { success: 0, dropped: 0, ignored: 0 }
  readonly admitted = new Map<string, number>()
  readonly refused = new Map<string, number>()
  isClosed = false
  /** The limit went up and the limiter has had no occasion to notice. */
  hasUnseenRoom = false

  constructor(options: WorldOptions) {
    this.options = options
    this.limit = new MovableLimit(options.limit)
    const { maxSize, queueMaxWaitMs } = options
    this.limiter = createLimiter({
      name: 'db',
      limit: this.limit.factory,
      clock: this.clock,
      queue: queueMaxWaitMs === undefined ? { maxSize } : { maxSize, maxWaitMs: queueMaxWaitMs },
    })
  }

  get waiting(): readonly Caller[] {
    return [...this.#unended].filter(
      (caller) => caller.state === 'waiting' && !this.#drained.has(caller),
    )
  }

  /** Those who have a permit. */
  get holders(): readonly Caller[] {
    return [...this.#unended].filter(({ state }) => state === 'running')
  }

  /** Those of them who do not pause. */
  get running(): readonly Caller[] {
    return this.holders.filter(({ pauses }) => pauses === 0)
  }

  /** Out of the queue, but not told yet. */
  get evicted(): number {
    return this.#evictors.length
  }

  /** Plays an action to its end: who was pushed out of the queue is told in a microtask. */
  async playOut(action: Action): Promise<void> {
    this.play(action)
    if (this.evicted > 0) await new Promise(setImmediate)
  }

  play(action: Action): void {
    switch (action.kind) {
      case 'ask':
        this.ask(action.ask)
        return
      case 'release':
        this.release(at(this.holders, action.pick), action.outcome, action.times)
        return
      case 'use':
        this[action.how](at(this.holders, action.pick))
        return
      case 'cancel':
        this.leave(at(this.waiting, action.pick))
        return
      case 'abort':
        this.abort(at(this.callers, action.pick))
        return
      case 'advance':
        this.clock.advance(action.ms)
        return
      case 'freeze':
        this.clock.freeze(action.ms)
        return
      case 'move_limit':
        this.hasUnseenRoom ||= action.to > this.limit.current
        this.limit.current = action.to
        return
      case 'drain':
        this.#drain()
        return
      case 'close':
        this.isClosed = true
        this.limiter.close()
        return
      default:
        action satisfies never
    }
  }

  ask(ask: Ask): Caller {
    const caller = new Caller(ask, this.clock.now(), this)
    this.callers.push(caller)
    this.#unended.add(caller)
    const forecast = ask.looksFirst ? this.limiter.wouldRefuse(caller.options) : undefined
    const admission = this.limiter.admit(caller.options, ask.mayWait ? caller : undefined)
    this.hasUnseenRoom = false
    if (ask.looksFirst && ask.mayWait) this.#judgeForecast(caller, forecast, admission)
    if (admission.kind === 'waiting') {
      this.#wait(caller, admission)
      return caller
    }
    caller.answers += 1
    if (admission.kind === 'refusal') this.#refuse(caller, admission)
    else this.#startAtOnce(caller, admission)
    return caller
  }

  #drain(): void {
    for (const caller of this.waiting) this.#drained.add(caller)
    this.limiter.drain()
    for (const caller of this.#drained) {
      if (caller.state === 'waiting') this.#violated(caller, 'not told that it was drained')
    }
    this.#drained.clear()
  }

  /** Nothing has happened since it looked. */
  #judgeForecast(caller: Caller, forecast: Refusal | undefined, admission: Admission): void {
    const refused = admission.kind === 'refusal' ? admission : undefined
    if (isDeepStrictEqual(forecast, refused)) return
    this.#violated(caller, `is told ${refused?.reason} after ${forecast?.reason}`)
  }

  #wait(caller: Caller, place: Waiting): void {
    if (!caller.ask.mayWait) this.#violated(caller, 'waits although it said it would not')
    if (!(caller.latest(this.options.queueMaxWaitMs) > this.clock.now())) {
      this.#violated(caller, 'waits although it has no time')
    }
    caller.place = place
    caller.placeNumber = this.#places++
    caller.state = 'waiting'
    const { queued } = this.limiter
    if (queued > this.options.maxSize) this.#violated(caller, `is one of ${queued} in the queue`)
    if (this.waiting.length - this.evicted > queued) this.#evictors.push(caller)
  }

  release(caller: Caller | undefined, outcome: Outcome, times: number): void {
    if (caller === undefined) return
    caller.state = 'ended'
    this.#unended.delete(caller)
    this.released[outcome] += 1
    const now = this.clock.now()
    if (caller.pauses > 0) caller.pausedMs += now - caller.pausedAt
    // A pause frees all there is to free; the release of a permit that pauses is an occasion, too.
    for (let time = 0; time < times; time += 1) caller.permit?.release(outcome)
    this.hasUnseenRoom = false
    this.#judgeTimes(caller, now)
  }

  #judgeTimes(caller: Caller, now: number): void {
    const { durationMs, pausedMs } = caller.permit!
    if (pausedMs !== caller.pausedMs) this.#violated(caller, `paused for ${pausedMs} ms`)
    if (durationMs !== now - caller.startedAt - caller.pausedMs) {
      this.#violated(caller, `took ${durationMs} ms`)
    }
  }

  pause(caller: Caller | undefined): void {
    if (caller === undefined) return
    caller.pauses += 1
    if (caller.pauses === 1) caller.pausedAt = this.clock.now()
    if (caller.pauses === 1) this.hasUnseenRoom = false
    caller.permit!.pause()
  }

  resume(caller: Caller | undefined): void {
    if (caller === undefined) return
    if (caller.pauses === 1) caller.pausedMs += this.clock.now() - caller.pausedAt
    caller.pauses = Math.max(0, caller.pauses - 1)
    caller.permit!.resume()
  }

  leave(caller: Caller | undefined): void {
    if (caller === undefined) return
    caller.hasLeft = true
    caller.place?.cancel()
    caller.place?.cancel()
  }

  abort(caller: Caller | undefined): void {
    if (caller === undefined) return
    caller.hasLeft ||= caller.state === 'waiting'
    caller.controller.abort()
  }

  /** CallerWatch */
  onAdmitted(caller: Caller, permit: Permit): void {
    this.#judgeAnswer(caller)
    if (this.clock.now() >= caller.latest(this.options.queueMaxWaitMs)) {
      this.#violated(caller, 'admitted too late')
    }
    if (permit.waitedMs !== this.clock.now() - caller.askedAt) {
      this.#violated(caller, `waited ${permit.waitedMs} ms`)
    }
    caller.state = 'running'
    const rank = rankOf(caller.ask.priority)
    // Who has been evicted is among those who wait as long as it has not been told.
    if (this.evicted === 0 && this.waiting.some(({ ask }) => rankOf(ask.priority) < rank)) {
      this.#violated(caller, 'admitted before somebody more important')
    }
    this.grants.push(caller)
    this.#start(caller, permit)
    this.#react(caller, caller.ask.onAdmitted)
  }

  /** CallerWatch */
  onRefused(caller: Caller, refusal: Refusal): void {
    this.#judgeAnswer(caller)
    const { reason } = refusal
    if (reason === 'cancelled' && !caller.hasLeft) this.#violated(caller, 'cancelled by nobody')
    if (reason === 'evicted') this.#judgeEviction(caller)
    if (reason === 'circuit_open' && !this.#drained.has(caller)) {
      this.#violated(caller, 'sent away by no drain')
    }
    this.#refuse(caller, refusal)
    for (const reaction of caller.ask.onRefused) this.#react(caller, reaction)
  }

  #judgeEviction(caller: Caller): void {
    const evictor = this.#evictors.shift()
    if (evictor === undefined) {
      this.#violated(caller, 'evicted by nobody')
      return
    }
    const rank = rankOf(caller.ask.priority)
    const wasThere = ({ placeNumber }: Caller): boolean => placeNumber < evictor.placeNumber
    if (this.waiting.some((other) => wasThere(other) && rankOf(other.ask.priority) > rank)) {
      this.#violated(caller, 'evicted before somebody less important')
    }
  }

  #judgeAnswer(caller: Caller): void {
    caller.answers += 1
    if (caller.state !== 'waiting') this.#violated(caller, `told while ${caller.state}`)
  }

  #startAtOnce(caller: Caller, permit: Permit): void {
    if (this.waiting.length > this.evicted) this.#violated(caller, 'overtook the queue')
    if (permit.waitedMs !== 0) this.#violated(caller, 'waited without waiting')
    this.#start(caller, permit)
  }

  #start(caller: Caller, permit: Permit): void {
    caller.state = 'running'
    caller.permit = permit
    caller.startedAt = this.clock.now()
    const { priority } = caller.ask
    if (this.isClosed) this.#violated(caller, 'admitted by a closed limiter')
    if (caller.hasLeft) this.#violated(caller, 'admitted after it had left')
    if (permit.priority !== priority) this.#violated(caller, `is ${permit.priority} now`)
    if (permit.startedAt !== this.clock.now()) this.#violated(caller, 'started at another time')
    if (this.running.length > this.limit.current) this.#violated(caller, 'over the limit')
    count(this.admitted, priority)
  }

  #refuse(caller: Caller, { reason, retryAfterMs }: Refusal): void {
    caller.state = 'refused'
    this.#unended.delete(caller)
    if (!(retryAfterMs >= 0 && retryAfterMs < Infinity)) {
      this.#violated(caller, `retry after ${retryAfterMs} ms`)
    }
    count(this.refused, `${caller.ask.priority} ${reason}`)
  }

  #react(caller: Caller, reaction: Reaction): void {
    switch (reaction.kind) {
      case 'keep':
        return
      case 'release':
        this.release(caller, 'success', 2)
        return
      case 'ask':
        this.ask(reaction.ask)
        return
      case 'release_and_ask':
        this.release(caller, 'success', 1)
        this.ask(reaction.ask)
        return
      case 'leave':
        this.leave(at(this.waiting, reaction.pick))
        return
      case 'abort':
        this.abort(at(this.callers, reaction.pick))
        return
      case 'release_another':
        this.release(at(this.holders, reaction.pick), 'success', 1)
        return
      case 'pause':
        this.pause(caller)
        return
      case 'resume_another':
        this.resume(at(this.holders, reaction.pick))
        return
      default:
        reaction satisfies never
    }
  }

  #violated(caller: Caller, what: string): void {
    this.violations.push(`caller ${this.callers.indexOf(caller)}: ${what}`)
  }
}

function at(callers: readonly Caller[], pick: number): Caller | undefined {
  return callers[pick % Math.max(1, callers.length)]
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
