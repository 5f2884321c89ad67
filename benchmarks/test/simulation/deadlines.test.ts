import { describe, expect, it } from 'vitest'
import { mixedDeadlines } from '../../simulation/scenarios/deadlines.ts'
import type { TaskResult } from '../../simulation/task.ts'
import { runTask } from '../../simulation/task.ts'

function simulate(variant: string, limit: string): Promise<TaskResult> {
  return runTask({ scenarioId: mixedDeadlines.id, variant, limit, seed: 1, noQueue: false })
}

describe('callers with deadlines from 100 ms to 5 s', () => {
  it.each(mixedDeadlines.variants.map(({ name }) => name))(
    'get next to nothing too late: %s',
    async (variant) => {
      const { figures, pass } = await simulate(variant, 'adaptive')
      expect(figures['wastedPercent']).toBeLessThanOrEqual(3)
      expect(pass).toBe(true)
    },
  )

  it('get most of it too late without a limit', async () => {
    const { figures, pass } = await simulate('3x', 'none')
    expect(figures['wastedPercent']).toBeGreaterThan(50)
    expect(pass).toBe(false)
  })
})
