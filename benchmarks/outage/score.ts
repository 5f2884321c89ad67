import type { Call, Recording, Sample } from './recording.ts'

/** What one outage was like. */
export interface Score {
  /** From the break until calls were refused at once; Infinity: never. */
  readonly cutOffMs: number
  /** Callers who waited for half of their patience or more while the database was gone. */
  readonly hung: number
  /** Calls handed to the pool while the database was gone. */
  readonly sentWhileGone: number
  /** From the return until calls were answered again; Infinity: never. */
  readonly foundMs: number
  /** Most queries and logins at once in the first second after the return, by the database's account. */
  readonly herd: number
  /** The same while all was well. */
  readonly usual: number
  /** Most connections in that second. */
  readonly connections: number
  readonly usualConnections: number
}

/** So many calls in a row are no accident. */
const inARow = 20

/** Sooner than a query can be answered. */
const atOnceMs = 15

const firstMomentsMs = 1000

/** The pool grows in the first second; from then on all is as usual. */
const warmUpMs = 1000

export function score(recording: Recording, patienceMs: number): Score {
  const { brokenAt, repairedAt, calls, samples } = recording
  const gone = calls.filter(({ askedAt }) => askedAt >= brokenAt && askedAt < repairedAt)
  const back = calls.filter(({ askedAt }) => askedAt >= repairedAt)
  const usual = between(samples, (samples[0]?.at ?? 0) + warmUpMs, brokenAt)
  const first = between(samples, repairedAt, repairedAt + firstMomentsMs)
  return {
    cutOffMs: firstOfRow(gone, isRefusedAtOnce) - brokenAt,
    hung: gone.filter(({ askedAt, endedAt }) => endedAt - askedAt >= patienceMs / 2).length,
    sentWhileGone: gone.filter(({ isSent }) => isSent).length,
    foundMs: firstOfRow(back, ({ isAnswered }) => isAnswered) - repairedAt,
    herd: most(first, ({ active }) => active),
    usual: most(usual, ({ active }) => active),
    connections: most(first, ({ connections }) => connections),
    usualConnections: most(usual, ({ connections }) => connections),
  }
}

function isRefusedAtOnce({ isSent, askedAt, endedAt }: Call): boolean {
  return !isSent && endedAt - askedAt <= atOnceMs
}

/** When the first of so many such calls in a row was asked; Infinity: there were not so many. */
function firstOfRow(calls: readonly Call[], isOne: (call: Call) => boolean): number {
  let start = 0
  for (const [index, call] of calls.entries()) {
    if (!isOne(call)) start = index + 1
    else if (index - start + 1 === inARow) return calls[start]!.askedAt
  }
  return Infinity
}

function between(samples: readonly Sample[], from: number, to: number): Sample[] {
  return samples.filter(({ at }) => at >= from && at < to)
}

function most(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return Math.max(0, ...samples.map(of))
}
