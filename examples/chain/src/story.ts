import { setTimeout as sleep } from 'node:timers/promises'
import type { Chain } from './chain.ts'

export interface Phase {
  readonly name: string
  readonly durationMs: number
  /** What the last service can do. */
  readonly capacityPerSecond: number
}

/** What happened in one phase. */
export interface PhaseResult {
  readonly phase: string
  readonly requests: number
  readonly attempts: number
  readonly good: number
}

export const requestsPerSecond = 40

/** @param scale 1, or less for a shorter story */
export function makePhases(scale: number): readonly Phase[] {
  return [
    { name: 'healthy', durationMs: 2500 * scale, capacityPerSecond: 60 },
    { name: 'half of it', durationMs: 4000 * scale, capacityPerSecond: 20 },
    { name: 'outage', durationMs: 3000 * scale, capacityPerSecond: 0 },
    { name: 'recovered', durationMs: 4000 * scale, capacityPerSecond: 60 },
  ]
}

export async function playPhase(chain: Chain, phase: Phase): Promise<PhaseResult> {
  chain.stock.setCapacity(phase.capacityPerSecond)
  const attemptsBefore = chain.stock.attempts
  const requests = Math.round((phase.durationMs / 1000) * requestsPerSecond)
  const startedAt = performance.now()
  const answers: Promise<boolean>[] = []
  for (let index = 0; index < requests; index += 1) {
    // An open loop: clients come whether others have been answered or not.
    const dueAt = startedAt + (index * 1000) / requestsPerSecond
    await sleep(Math.max(0, dueAt - performance.now()))
    answers.push(chain.ask())
  }
  const good = (await Promise.all(answers)).filter(Boolean).length
  const attempts = chain.stock.attempts - attemptsBefore
  return { phase: phase.name, requests, attempts, good }
}
