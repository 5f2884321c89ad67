import type { Storage } from '@spillway/example-slow-database/database/database.ts'
import type { Crowd } from './crowd.ts'
import type { Kind } from './streams.ts'

export interface NoHarmPhase {
  readonly name: string
  readonly durationMs: number
  /** Requests a second of each kind; none of the others. */
  readonly rates: Rates
  /** Of the database of items, reports and orders; that of the products stays as it is. */
  readonly orders: Storage
  readonly isCounted: boolean
}

type Rates = Readonly<Partial<Record<Kind, number>>>

/** Kinds whose clients have to be served as without us, together. */
export interface Judged {
  readonly label: string
  readonly kinds: readonly Kind[]
}

export interface NoHarmScenario {
  readonly name: string
  readonly phases: readonly NoHarmPhase[]
  readonly judged: readonly Judged[]
  /** Least part of them that is served, of all or of what the bare service serves. */
  readonly bar: number
  readonly isOfBare: boolean
  /** Comes with the counted phase and stays. */
  readonly crowd?: Crowd
}

/** What clients wait for an answer. */
export const deadlineMs = 1000

/** Far more than any scenario needs at once. */
const ample: Storage = { slots: 90, holdMs: 20 }
const fast: Storage = { slots: 8, holdMs: 20 }
/** 40 queries a second. */
const slow: Storage = { slots: 8, holdMs: 200 }

/** All of them; a `scale` below 1 shortens what is counted and what comes before it. */
export function noHarmScenarios(scale: number): NoHarmScenario[] {
  return [
    mixShift(scale),
    innocents(scale),
    ...(['uploaders', 'readers'] as const).flatMap((kind) =>
      [12, 100, 1000].map((count) => crowded({ kind, count }, scale)),
    ),
  ]
}

/** The reports alone take a third of the slots in the end. */
function mixShift(scale: number): NoHarmScenario {
  const before: Rates = { item: 150, report: 45 }
  const after: Rates = { item: 150, report: 120 }
  return {
    name: 'mix shift',
    phases: [
      ...warmUp(before, ample),
      { ...phase('before', 15 * scale, before, ample), isCounted: false },
      phase('after', 40 * scale, after, ample),
    ],
    judged: [{ label: 'all', kinds: ['item', 'report'] }],
    bar: 0.98,
    isOfBare: false,
  }
}

/** Pings need no database, products another one. */
function innocents(scale: number): NoHarmScenario {
  const rates: Rates = { item: 240, order: 60, ping: 50, product: 50 }
  return {
    name: 'innocents',
    phases: [
      ...warmUp(rates, fast),
      { ...phase('healthy', 5 * scale, rates, fast), isCounted: false },
      phase('slow', 30 * scale, rates, slow),
    ],
    judged: [
      { label: 'pings', kinds: ['ping'] },
      { label: 'products', kinds: ['product'] },
    ],
    bar: 0.99,
    isOfBare: false,
  }
}

/** Nothing is short; a crowd of slow clients holds connections, and nothing else. */
function crowded(crowd: Crowd, scale: number): NoHarmScenario {
  const rates: Rates = { item: 80, order: 20, ping: 20 }
  return {
    name: `${crowd.count} ${crowd.kind}`,
    phases: [
      ...warmUp(rates, ample),
      { ...phase('alone', 4 * scale, rates, ample), isCounted: false },
      phase('crowd', 20 * scale, rates, ample),
    ],
    judged: [
      { label: 'honest', kinds: ['item', 'order', 'ping'] },
      { label: 'critical', kinds: ['order'] },
    ],
    bar: 0.98,
    isOfBare: true,
    crowd,
  }
}

/** In two steps: a process that has just started is slow by itself. */
function warmUp(rates: Rates, orders: Storage): NoHarmPhase[] {
  const fifth = Object.fromEntries(
    Object.entries(rates).map(([kind, rate]) => [kind, Math.round(rate / 5)]),
  )
  return [fifth, rates].map((stepRates) => ({
    ...phase('warm-up', 2, stepRates, orders),
    isCounted: false,
  }))
}

function phase(name: string, seconds: number, rates: Rates, orders: Storage): NoHarmPhase {
  return { name, durationMs: seconds * 1000, rates, orders, isCounted: true }
}
