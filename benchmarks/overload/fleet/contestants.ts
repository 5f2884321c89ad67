import type { Contestant } from '@spillway/example-slow-database/contestant.ts'
import { contestants, oracleName } from '../contestants/index.ts'

/** A contestant of which each process has a copy, told nothing of the others. */
export interface FleetContestant extends Contestant {
  /** The concurrency that each process is told. */
  slotsFor(slots: number, processes: number): number
}

/** What somebody sets who was told the connections of a pool, and counts no processes. */
const usualSlots = 16

/** In the order in which they run. */
export const fleetContestants: readonly FleetContestant[] = [
  told('bare', () => usualSlots),
  told('p-limit', () => usualSlots),
  told('cockatiel', () => usualSlots),
  // The ceiling: a share of the slots, and at least one call a process.
  told(oracleName, (slots, processes) => Math.max(1, Math.floor(slots / processes))),
  told('spillway', () => usualSlots),
]

function told(name: string, slotsFor: FleetContestant['slotsFor']): FleetContestant {
  return { ...contestants.find((one) => one.name === name)!, slotsFor }
}
