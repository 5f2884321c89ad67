import { describe, expect, it } from 'vitest'
import { parseCli } from '../../simulation/cli-options.ts'
import { scoreText, summarize, table } from '../../simulation/report.ts'
import { scenarios } from '../../simulation/scenarios/index.ts'
import { atLeast, atMost } from '../../simulation/score.ts'
import type { TaskResult } from '../../simulation/task.ts'
import { listTasks, runTask } from '../../simulation/task.ts'

function result(seed: number, score: number, pass: boolean): TaskResult {
  const run = { scenarioId: 3, variant: '0.9x', limit: 'fixed', noQueue: false, events: 1 }
  return { ...run, seed, score, pass, moonshot: pass, figures: {}, tookMs: 1 }
}

describe('the table', () => {
  it('shows the worst seed, and marks only what every seed earned', () => {
    const results = [result(1, 99, true), result(2, 93.96, false), result(3, 97, true)]
    expect(summarize(results)).toMatchObject({ worst: { seed: 2 }, pass: false })
    const [poisson] = scenarios.filter(({ id }) => id === 3)
    expect(table([poisson!], ['fixed'], results)).toContain('93.9')
  })

  it('never rounds up', () => {
    expect([scoreText(99.99), scoreText(100), scoreText(84.95)]).toEqual(['99.9', '100.0', '84.9'])
  })
})

describe('scores', () => {
  it('are 100 within the bound and fall with the ratio beyond', () => {
    expect([atMost(1, 2), atMost(2, 2), atMost(4, 2), atMost(Number.NaN, 2)]).toEqual([
      100, 100, 50, 0,
    ])
    expect([atLeast(3, 2), atLeast(2, 2), atLeast(1, 2), atLeast(Number.NaN, 2)]).toEqual([
      100, 100, 50, 0,
    ])
  })
})

describe('the scenarios', () => {
  it('are those of the issue', () => {
    expect(scenarios.map(({ id }) => id)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28,
      29, 32, 33, 43, 44,
    ])
  })

  it('have variants of distinct names', () => {
    for (const { variants } of scenarios) {
      const names = variants.map(({ name }) => name)
      expect(new Set(names).size).toBe(names.length)
    }
  })
})

describe('known behaviour of the classic limits, without a queue', { timeout: 60_000 }, () => {
  const run = async (scenarioId: number, variant: string, limit: string): Promise<number> =>
    (await runTask({ scenarioId, variant, limit, seed: 1, noQueue: true })).score

  // Published figures of another simulator with the same parameters; see the README's table.
  it.each([
    { scenarioId: 4, variant: '5x slower, pool 20', limit: 'gradient', published: 99 },
    { scenarioId: 4, variant: '5x slower, pool 20', limit: 'vegas', published: 75 },
    { scenarioId: 12, variant: 'sigma 0.01, kappa 0.0008', limit: 'gradient', published: 97 },
    { scenarioId: 12, variant: 'sigma 0.01, kappa 0.0008', limit: 'vegas', published: 96 },
    { scenarioId: 19, variant: 'mean 0.8x', limit: 'gradient', published: 58 },
  ])('$limit in $variant scores about $published', async ({ published, ...one }) => {
    const score = await run(one.scenarioId, one.variant, one.limit)
    expect(Math.abs(score - published)).toBeLessThan(12)
  })
})

describe('the command line', () => {
  it.each([
    [['--limits', 'best'], "There is no limit 'best'; choose among adaptive, gradient"],
    [['--scenarios', '1,17'], "There is no scenario '17'; choose among 1, 2, 3"],
    [['--seeds', '0'], "--seeds needs a whole number of at least 1, got '0'."],
    [['--fast'], "Unknown option '--fast'"],
  ])('answers %j with one sentence', (args, message) => {
    expect(() => parseCli(args)).toThrow(message)
  })

  it('knows its defaults', () => {
    const options = parseCli([])!
    expect(options.seeds).toEqual([1, 2, 3, 4, 5])
    expect(options.limits).toContain('adaptive')
    expect(listTasks(options).length).toBeGreaterThan(1000)
    expect(parseCli(['--help'])).toBeUndefined()
  })
})
