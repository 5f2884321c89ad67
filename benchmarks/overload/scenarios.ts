import type { Storage } from '@spillway/example-slow-database/database/database.ts'
import type { Phase, Plan } from '@spillway/example-slow-database/plan.ts'

export interface Scenario {
  readonly name: string
  readonly plan: Plan
  /** Least goodput and critical of Spillway, as parts of the oracle's. */
  readonly ofOracle: number
}

const slots = 8
/** 400 queries a second. */
const fast: Storage = { slots, holdMs: 20 }
/** 40 a second. */
const slow: Storage = { slots, holdMs: 200 }
/** 100 a second: ten times that is still a load that a small machine can make. */
const medium: Storage = { slots, holdMs: 80 }
/** One query in ten holds its slot ten times longer; 210 a second. */
const bimodal: Storage = { slots, holdMs: 20, heavyRatio: 0.1, heavyFactor: 10 }
const manySlots = 40
/** Long calls before many slots: 400 queries a second, and 100 while it is slow. */
const long: Storage = { slots: manySlots, holdMs: 100 }
const longer: Storage = { slots: manySlots, holdMs: 400 }

const usualBar = 0.97
/** Few calls say in a second how long calls take. */
const longBar = 0.95

/** 0.75 of what the fast storage can do. */
const usualRate = 300

/** All of them; a `scale` below 1 shortens every phase. */
export function scenarios(scale: number): Scenario[] {
  const all: Record<string, readonly Phase[]> = {
    'slow database': [
      ...warmUp(fast, usualRate),
      phase('healthy', 4, fast, usualRate),
      phase('slow', 16, slow, usualRate),
      phase('recovered', 6, fast, usualRate),
    ],
    surge: [
      ...warmUp(medium, 70),
      phase('2x', 8, medium, 200),
      phase('rest after 2x', 4, medium, 70),
      phase('5x', 8, medium, 500),
      phase('rest after 5x', 4, medium, 70),
      phase('10x', 8, medium, 1000),
      phase('rest after 10x', 4, medium, 70),
    ],
    'brown-out': [...warmUp(fast, usualRate), ...brownOut()],
    flapping: [
      ...warmUp(fast, usualRate),
      ...[1, 2, 3].flatMap((round) => [
        phase(`slow ${round}`, 5, slow, usualRate),
        phase(`fast ${round}`, 5, fast, usualRate),
      ]),
    ],
    bimodal: [
      ...warmUp(bimodal, 120),
      phase('usual load', 4, bimodal, 120),
      phase('overload', 16, bimodal, 400),
      phase('usual load again', 4, bimodal, 120),
    ],
    long: [
      ...warmUp(long, usualRate),
      phase('healthy', 4, long, usualRate),
      phase('slow', 30, longer, usualRate),
      phase('recovered', 6, long, usualRate),
    ],
  }
  return Object.entries(all).map(([name, phases]) => ({
    name,
    plan: scaled(phases, scale),
    ofOracle: name === 'long' ? longBar : usualBar,
  }))
}

function brownOut(): Phase[] {
  const steps = [2, 4, 8, 16, 8, 4, 2, 1]
  return steps.map((factor, index) =>
    phase(`${factor}x slower (${index + 1})`, 4, { slots, holdMs: 20 * factor }, usualRate),
  )
}

/** In two steps: see the example's plan. */
function warmUp(storage: Storage, rate: number): Phase[] {
  return [rate / 5, rate].map((stepRate) => ({
    ...phase('warm-up', 2, storage, stepRate),
    isCounted: false,
  }))
}

function phase(name: string, seconds: number, storage: Storage, rate: number): Phase {
  return { name, durationMs: seconds * 1000, storage, rate, isCounted: true }
}

function scaled(phases: readonly Phase[], scale: number): Plan {
  return {
    deadlineMs: 1000,
    poolSize: 100,
    phases: phases.map((one) => ({
      ...one,
      durationMs: one.isCounted ? one.durationMs * scale : one.durationMs,
    })),
  }
}
