import { describe, expect, it } from 'vitest'
import { fleetOfFour, fleetOfTwelve } from '../../simulation/scenarios/small-fleet.ts'
import type { TaskResult } from '../../simulation/task.ts'
import { runTask } from '../../simulation/task.ts'

async function simulate(scenario: typeof fleetOfFour, limit: string): Promise<TaskResult> {
  const [variant] = scenario.variants
  return runTask({
    scenarioId: scenario.id,
    variant: variant!.name,
    limit,
    seed: 1,
    noQueue: false,
  })
}

describe.each([fleetOfFour, fleetOfTwelve])('$title', { timeout: 60_000 }, (scenario) => {
  it('leaves to the oracle nearly all, and most of it to critical calls', async () => {
    const { figures, pass } = await simulate(scenario, 'fixed')
    expect(figures['goodputOfOracle']).toBe(1)
    expect(figures['goodput']).toBeGreaterThan(95)
    expect(figures['critical']).toBeGreaterThan(75)
    expect(figures['leastToMost']).toBeGreaterThan(0.5)
    expect(pass).toBe(true)
  })

  it('leaves nearly nothing to anybody without a limit', async () => {
    const { figures, pass } = await simulate(scenario, 'none')
    expect(figures['goodputOfOracle']).toBeLessThan(0.15)
    expect(figures['criticalOfOracle']).toBeLessThan(0.1)
    expect(pass).toBe(false)
  })
})
