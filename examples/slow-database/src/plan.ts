import type { Storage } from './database/database.ts'

/** A stretch of the story in which nothing changes. */
export interface Phase {
  readonly name: string
  readonly durationMs: number
  readonly storage: Storage
  /** Requests a second. */
  readonly rate: number
  /** Whether its figures are shown; the first seconds only warm processes and caches up. */
  readonly isCounted: boolean
}

/** Everything that is fixed before the first request. */
export interface Plan {
  readonly phases: readonly Phase[]
  /** What the client waits for an answer. */
  readonly deadlineMs: number
  /** Connections in a service's pool. */
  readonly poolSize: number
}

/** What part of the requests is what; a class is a priority on the protected side. */
export const mix = {
  /** An order, written: critical. */
  order: 0.2,
  /** A list of items or one item. */
  browse: 0.78,
  /** The expensive one; can be had later. */
  report: 0.02,
} as const

export type RequestKind = keyof typeof mix

export const requestKinds: readonly RequestKind[] = ['order', 'browse', 'report']

const healthy: Storage = { slots: 8, holdMs: 20 }
const slow: Storage = { slots: 8, holdMs: 200 }

/** 0.75 of what the healthy database can do, 7.5 times what the slow one can. */
const rate = 300

interface Lengths {
  readonly healthyMs: number
  readonly slowMs: number
  readonly recoveredMs: number
}

const full: Lengths = { healthyMs: 8000, slowMs: 24_000, recoveredMs: 12_000 }
const short: Lengths = { healthyMs: 3000, slowMs: 10_000, recoveredMs: 4000 }

/**
 * Load rises to its full height in two steps: a process that has just started is slow by itself, and
 * a service that has no limiter never gets rid of a backlog from its first second.
 */
const warmUp: readonly Phase[] = [
  { name: 'warm-up', durationMs: 2000, storage: healthy, rate: rate / 5, isCounted: false },
  { name: 'warm-up', durationMs: 2000, storage: healthy, rate, isCounted: false },
]

/** Healthy, ten times slower, healthy again. */
export function slowDatabasePlan(options: { readonly isFast: boolean }): Plan {
  const lengths = options.isFast ? short : full
  return {
    deadlineMs: 1000,
    poolSize: 100,
    phases: [
      ...warmUp,
      phase('healthy', lengths.healthyMs, healthy),
      phase('slow', lengths.slowMs, slow),
      phase('recovered', lengths.recoveredMs, healthy),
    ],
  }
}

function phase(name: string, durationMs: number, storage: Storage): Phase {
  return { name, durationMs, storage, rate, isCounted: true }
}

export function totalMs(plan: Plan): number {
  return plan.phases.reduce((sum, { durationMs }) => sum + durationMs, 0)
}
