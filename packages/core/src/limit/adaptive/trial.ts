import type { Sample } from '../limit.ts'

/** Calls take so large a part of their callers' patience that a lower limit is worth a trial. */
export const lateRatio = 0.5
/** The part of their patience that they shall take: what is left is time to wait by priority. */
export const goodLateness: number = 1 / 3
/** The part of the calls in flight that a trial lets in. */
const cut = 0.5
/**
 * If each call in flight were one more call served, the cut would cost half of the answers and leave
 * latency as it is; if they wait in line, it would cost none and halve latency. A trial is kept if it
 * costs at most a fifth of the answers and takes latency down by at least as much as lies between.
 */
const leastAnswersLeft = 0.8
const mostLatencyLeft = Math.SQRT1_2
/** Answers and round trips that are needed to say how many come back. */
const leastAnswers = 16
const leastRoundTrips = 2
/** Trials begin as wall-clock time passes a multiple of this, so that instances cut together. */
const turnMs = 2000
/** After a trial that cost answers, and twice as long after each that follows. */
const firstPauseMs = 30_000
const longestPauseMs = 300_000

/** How many answers came back in some time. */
interface Rate {
  readonly answers: number
  readonly ms: number
  readonly meanMs: number
}

/** What the calls have shown that ended since the limit was last moved. */
interface Seen {
  readonly from: number
  calls: number
  answers: number
  lateness: number
  totalMs: number
  inFlight: number
  /** The turn in which enough had been seen. */
  readyIn: number | undefined
}

/** What has become of a trial. */
export type TrialVerdict = 'undecided' | 'kept' | 'given_up'

/**
 * A much lower limit, to see whether as many answers come back.
 *
 * Where calls wait inside the downstream they do, since it serves no more than it can: the calls then
 * wait here instead, where the more important ones overtake and the late ones are told at once. Where
 * the downstream is slow by itself, fewer come back, and the limit is put back.
 */
export class Trial {
  readonly kind = 'trial'
  readonly limit: number
  /** The limit that is put back if it costs answers. */
  readonly before: number
  readonly #since: number
  readonly #until: number
  readonly #fasterMs: number
  #missing: number
  #calls = 0
  #totalMs = 0

  /** @param since when the calls are back that were in flight under the limit before */
  constructor(before: number, limit: number, rate: Rate, since: number) {
    this.before = before
    this.limit = limit
    this.#since = since
    this.#until = since + rate.ms / leastAnswersLeft
    this.#missing = rate.answers
    this.#fasterMs = rate.meanMs * mostLatencyLeft
  }

  observe({ outcome, durationMs }: Sample, now: number): TrialVerdict {
    if (now < this.#since) return 'undecided'
    if (now >= this.#until) return 'given_up'
    this.#calls += 1
    this.#totalMs += durationMs
    if (outcome === 'success') this.#missing -= 1
    if (this.#missing > 0) return 'undecided'
    return this.#totalMs < this.#calls * this.#fasterMs ? 'kept' : 'given_up'
  }
}

/** Says when a trial is worth it: calls are late, and as many come back as ever will. */
export class TrialSchedule {
  #settledFrom = 0
  #seen = nothingSince(0)
  #notBefore = -Infinity
  #pauseMs = firstPauseMs

  /** The limit has moved: what is in flight belongs to the one before. */
  restart(now: number): void {
    this.#settledFrom = now
    this.#seen = nothingSince(now)
  }

  /** @param roundTripMs what calls took lately @param wallNow the same moment on all instances */
  observe(
    sample: Sample,
    limit: number,
    times: { readonly now: number; readonly wallNow: number; readonly roundTripMs: number },
  ): Trial | undefined {
    const { now, roundTripMs } = times
    if (now < this.#notBefore) return undefined
    if (sample.startedAt < this.#settledFrom + roundTripMs) {
      this.#seen = nothingSince(now)
      return undefined
    }
    const seen = this.#add(sample)
    const rate = { answers: seen.answers, ms: now - seen.from, meanMs: seen.totalMs / seen.calls }
    if (rate.answers < leastAnswers || rate.ms < leastRoundTrips * roundTripMs) return undefined
    const turn = Math.floor(times.wallNow / turnMs)
    seen.readyIn ??= turn
    if (turn === seen.readyIn) return undefined
    this.#seen = nothingSince(now)
    if (seen.lateness < lateRatio * seen.calls) return undefined
    const used = Math.min(limit, seen.inFlight / seen.calls)
    return Math.round(used * cut) < Math.round(limit)
      ? new Trial(limit, cut * used, rate, now + roundTripMs)
      : undefined
  }

  /** A trial that helped may be followed by another; one that cost answers, not soon. */
  ended(verdict: Exclude<TrialVerdict, 'undecided'>, now: number): void {
    if (verdict === 'kept') {
      this.#pauseMs = firstPauseMs
      return
    }
    this.#notBefore = now + this.#pauseMs
    this.#pauseMs = Math.min(longestPauseMs, 2 * this.#pauseMs)
  }

  #add({ outcome, durationMs, patienceMs, inFlight }: Sample): Seen {
    const seen = this.#seen
    seen.calls += 1
    seen.totalMs += durationMs
    seen.inFlight += inFlight
    seen.lateness += durationMs / patienceMs
    if (outcome === 'success') seen.answers += 1
    return seen
  }
}

function nothingSince(from: number): Seen {
  return { from, calls: 0, answers: 0, lateness: 0, totalMs: 0, inFlight: 0, readyIn: undefined }
}
