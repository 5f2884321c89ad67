import type { Storage } from '@spillway/example-slow-database/database/database.ts'
import type { Phase, Plan } from '@spillway/example-slow-database/plan.ts'

/** The phase in which the service's process is stopped. */
export interface Freeze {
  readonly phase: string
}

export interface CpuScenario {
  readonly name: string
  readonly plan: Plan
  /** Processor time of each handler. */
  readonly workMs: number
  readonly freeze?: Freeze
}

/** Requests a second that the process can answer, by milliseconds of work in each. */
export type CapacityOf = (workMs: number) => number

const usual = 10
const long = 50

/** All of them; a `scale` below 1 shortens every phase that counts. */
export function cpuScenarios(capacityOf: CapacityOf, scale: number): CpuScenario[] {
  const plan = (workMs: number, steps: readonly Step[]): Plan => ({
    deadlineMs: 1000,
    poolSize: 0,
    phases: steps.map((step) => phase(step, workMs, capacityOf(workMs), scale)),
  })
  return [
    {
      name: 'busy process',
      workMs: usual,
      plan: plan(usual, [
        ...warmUp,
        ...[1, 2, 5, 10].flatMap((load): Step[] => [
          { name: `${load}x`, load, seconds: 8 },
          { name: `rest after ${load}x`, load: 0.5, seconds: 3, isRest: true },
        ]),
      ]),
    },
    {
      name: 'long handlers',
      workMs: long,
      plan: plan(long, [
        ...warmUp,
        { name: '3x', load: 3, seconds: 16 },
        { name: 'rest', load: 0.5, seconds: 4, isRest: true },
      ]),
    },
    {
      name: 'freeze',
      workMs: usual,
      freeze: { phase: 'stopped' },
      plan: plan(usual, [
        ...warmUp,
        { name: 'stopped', load: 0.5, seconds: 8, isCounted: false },
        { name: 'after', load: 0.5, seconds: 4 },
      ]),
    },
  ]
}

interface Step {
  readonly name: string
  /** As a part of what the process can do. */
  readonly load: number
  readonly seconds: number
  /** @default true */
  readonly isCounted?: boolean
  /** Never shortened: whoever is back after a second must have the time. @default false */
  readonly isRest?: boolean
}

const warmUp: readonly Step[] = [
  { name: 'warm-up', load: 0.1, seconds: 1, isCounted: false },
  { name: 'warm-up', load: 0.5, seconds: 2, isCounted: false },
]

function phase(
  { name, load, seconds, isCounted = true, isRest = false }: Step,
  workMs: number,
  capacity: number,
  scale: number,
): Phase {
  return {
    name,
    durationMs: seconds * 1000 * (isCounted && !isRest ? scale : 1),
    storage: processAs(workMs),
    // Rounded down: as much as can be done is no overload.
    rate: Math.max(10, Math.floor(load * capacity)),
    isCounted,
  }
}

/** A process is a thing with one slot, and the work in a handler is what holds it. */
export function processAs(workMs: number): Storage {
  return { slots: 1, holdMs: workMs }
}
