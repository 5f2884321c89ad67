import { computedCapacity } from '@spillway/example-slow-database/database/database.ts'
import { describe, expect, it } from 'vitest'
import { UsageError } from '@spillway/example-slow-database/usage-error.ts'
import { median } from '../lib/median.ts'
import { versionsOf } from '../lib/versions.ts'
import { parseArguments, usage } from '../overload/arguments.ts'
import { contestants, oracleName } from '../overload/contestants/index.ts'
import { scenarios } from '../overload/scenarios.ts'
import { score } from '../overload/score.ts'
import { scenarioTable } from '../overload/table.ts'

const choices = { contestants: ['bare', 'spillway'], scenarios: ['surge', 'slow database'] }

describe('arguments of the overload benchmark', () => {
  it('chooses everything once by default', () => {
    expect(parseArguments([], choices)).toEqual({
      isHelp: false,
      only: choices.contestants,
      scenarios: choices.scenarios,
      rounds: 1,
      isFast: false,
      jsonFile: undefined,
    })
  })

  it('keeps the order of the run', () => {
    const { only, scenarios: chosen } = parseArguments(
      ['--only', 'spillway, bare', '--scenarios', 'slow database', '--rounds', '3'],
      choices,
    )
    expect(only).toEqual(['bare', 'spillway'])
    expect(chosen).toEqual(['slow database'])
  })

  it.each([[['--only', 'nobody']], [['--scenarios', 'rain']], [['--rounds', '0']], [['--bogus']]])(
    'answers %j with one sentence',
    (args) => {
      expect(() => parseArguments(args, choices)).toThrow(UsageError)
      expect(() => parseArguments(args, choices)).toThrow(/^[^\n]+\.$/)
    },
  )

  it('names what there is to choose from', () => {
    expect(usage(choices)).toContain('slow database')
  })
})

describe('scenarios', () => {
  it('load the surges to 2, 5 and 10 times what the database can do', () => {
    const surge = scenarios(1).find(({ name }) => name === 'surge')!
    for (const factor of [2, 5, 10]) {
      const phase = surge.plan.phases.find(({ name }) => name === `${factor}x`)!
      expect(phase.rate / computedCapacity(phase.storage)).toBe(factor)
    }
  })

  it('have long calls before many slots, which slow down to less than what comes', () => {
    const { phases } = scenarios(1).find(({ name }) => name === 'long')!.plan
    const slow = phases.find(({ name }) => name === 'slow')!
    expect(slow.storage).toEqual({ slots: 40, holdMs: 400 })
    expect(slow.rate / computedCapacity(slow.storage)).toBe(3)
    const healthy = phases.find(({ name }) => name === 'healthy')!
    expect(healthy.rate / computedCapacity(healthy.storage)).toBeLessThan(1)
  })

  it('keep their warm-up when they are shortened', () => {
    const [full, half] = [scenarios(1)[0]!, scenarios(0.5)[0]!]
    expect(half.plan.phases[0]?.durationMs).toBe(full.plan.phases[0]?.durationMs)
    expect(half.plan.phases.at(-1)?.durationMs).toBe(full.plan.phases.at(-1)!.durationMs / 2)
  })
})

describe('contestants', () => {
  it('are modules that make a shop', async () => {
    expect(contestants.map(({ name }) => name)).toContain(oracleName)
    for (const { module } of contestants) {
      expect(await import(module.href)).toHaveProperty('createShop', expect.any(Function))
    }
  })
})

describe('score', () => {
  const storage = { slots: 8, holdMs: 200 }
  const overloaded = {
    name: 'slow',
    durationMs: 10_000,
    storage,
    rate: 300,
    isCounted: true,
    from: 0,
    to: 10_000,
  }
  const rest = { ...overloaded, name: 'rest', rate: 30, from: 10_000, to: 15_000 }
  const good = (from: number, to: number, perSecond: number, kind: 'order' | 'browse') =>
    Array.from({ length: ((to - from) * perSecond) / 1000 }, (_, index) => ({
      kind,
      outcome: 'good' as const,
      sentAt: from + (index * 1000) / perSecond,
      latencyMs: 0,
    }))

  it('looks at overloaded phases, and at the way back from them', () => {
    const answers = [
      ...good(200, 10_000, 20, 'order'),
      ...good(200, 10_000, 10, 'browse'),
      ...good(12_000, 15_000, 30, 'browse'),
    ]
    const recording = {
      name: 'one',
      phases: [overloaded, rest],
      answers,
      reports: [],
      sent: answers.length,
    }
    const result = score(recording, [])
    expect(result.goodputRatio).toBeCloseTo(0.75)
    expect(result.criticalRatio).toBeCloseTo(0.5)
    expect(result.criticalShareRatio).toBeCloseTo(2 / 3)
    expect(result.recoveryMs).toBe(2000)
  })
})

describe('median', () => {
  it.each([
    [[], undefined],
    [[3], 3],
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[1, Infinity, 2], 2],
  ])('of %j is %s', (values, expected) => {
    expect(median(values)).toBe(expected)
  })
})

describe('report', () => {
  it('shows ratios to the oracle', () => {
    const row = {
      name: 'oracle',
      goodputRatio: 0.9,
      criticalRatio: 0.8,
      criticalShareRatio: 0.9,
      answeredP99Ms: 800,
      refusedP99Ms: undefined,
      recoveryMs: Infinity,
    }
    const other = { ...row, name: 'other', goodputRatio: 0.45, criticalRatio: 0.4 }
    const text = scenarioTable('surge', [row, other], 'oracle').join('\n')
    expect(text).toMatch(/other +0\.45 +0\.50 +0\.40 +0\.50/)
    expect(text).toContain('never')
  })

  it('names the versions that were measured', async () => {
    expect(await versionsOf(['fastify'])).toEqual({ fastify: expect.stringMatching(/^5\./) })
  })
})
