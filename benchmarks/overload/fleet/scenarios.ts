import type { Storage } from '@spillway/example-slow-database/database/database.ts'
import type { Phase, Plan } from '@spillway/example-slow-database/plan.ts'

export interface FleetScenario {
  readonly name: string
  /** Processes that share the load and the database. */
  readonly processes: number
  readonly plan: Plan
  readonly bars: FleetBars
}

/** Least parts of the oracle's. */
export interface FleetBars {
  readonly goodput: number
  readonly critical: number
  /** Good answers of the process that gave fewest, relative to the one that gave most. */
  readonly leastToMost: number
}

/** Queries that the database can run at once. */
const slots = 8
/** 400 queries a second. */
const fast: Storage = { slots, holdMs: 20 }
/** 40 a second; the critical requests alone are 60. */
const slow: Storage = { slots, holdMs: 200 }

/** All processes together. */
export const usualRate = 300

/** Both of them; a `scale` below 1 shortens every phase. */
export function fleetScenarios(scale: number): FleetScenario[] {
  return [
    scenario(4, scale, { goodput: 0.9, critical: 0.85, leastToMost: 0.5 }),
    scenario(12, scale, { goodput: 0.85, critical: 0.8, leastToMost: 0.5 }),
  ]
}

function scenario(processes: number, scale: number, bars: FleetBars): FleetScenario {
  return { name: `${processes} processes`, processes, plan: slowStory(scale), bars }
}

function slowStory(scale: number): Plan {
  return {
    deadlineMs: 1000,
    // What twelve processes can have of a server that takes 300 connections.
    poolSize: 20,
    phases: [
      { ...phase('warm-up', 3, fast), rate: usualRate / 5, isCounted: false },
      { ...phase('warm-up', 3, fast), isCounted: false },
      phase('healthy', 4 * scale, fast),
      phase('slow', 40 * scale, slow),
      phase('recovered', 10 * scale, fast),
    ],
  }
}

function phase(name: string, seconds: number, storage: Storage): Phase {
  return { name, durationMs: seconds * 1000, storage, rate: usualRate, isCounted: true }
}
