import type { Answer } from '@spillway/example-slow-database/load/answer.ts'
import type { Recording } from '@spillway/example-slow-database/story.ts'
import { describe, expect, test } from 'vitest'
import { cpuScore, variation } from '../overload/cpu/cpu-score.ts'
import { cpuTable } from '../overload/cpu/cpu-table.ts'
import { goodDays } from '../overload/cpu/good-days/days.ts'
import { goodDaysTable } from '../overload/cpu/good-days/play.ts'
import { cpuScenarios, processAs } from '../overload/cpu/scenarios.ts'

const storage = processAs(10)
const capacities = [{ storage, measuredPerSecond: 100, computedPerSecond: 100 }]

/** So many answers, evenly over two seconds of the only phase. */
function recording(good: number, orders: number, refused: number): Recording {
  const answer = (index: number, of: number, more: Partial<Answer>): Answer => ({
    kind: 'browse',
    outcome: 'good',
    sentAt: 10 + (index * 1980) / of,
    latencyMs: 5,
    ...more,
  })
  const answers = [
    ...Array.from({ length: good }, (_, index) =>
      answer(index, good, index < orders ? { kind: 'order' } : {}),
    ),
    ...Array.from({ length: refused }, (_, index) =>
      answer(index, refused, { outcome: 'refused' }),
    ),
  ]
  const phase = {
    name: '2x',
    durationMs: 2000,
    storage,
    rate: 200,
    isCounted: true,
    from: 0,
    to: 2000,
  }
  return { name: 'ours', phases: [phase], answers, reports: [], sent: answers.length }
}

describe('the score of a busy process', () => {
  test('is a part of what it can do, and of the orders that were sent', () => {
    const [step] = cpuScore(recording(180, 72, 200), capacities).steps
    expect(step).toMatchObject({ phase: '2x', refused: 200 })
    expect(step!.goodputRatio).toBeCloseTo(0.9, 1)
    // 40 orders a second were sent, 36 were answered.
    expect(step!.criticalRatio).toBeCloseTo(0.9, 1)
    expect(step!.variation).toBeLessThan(0.05)
  })

  test('varies with the seconds', () => {
    expect(variation([10, 10, 10])).toBe(0)
    expect(variation([0, 20])).toBe(1)
    expect(variation([])).toBe(0)
    expect(variation([0, 0])).toBe(0)
  })
})

test('as much as the process can do is no overload, and rests are never shortened', () => {
  const [busy] = cpuScenarios(() => 97.8, 0.5)
  const { phases } = busy!.plan
  expect(phases.find(({ name }) => name === '1x')).toMatchObject({ rate: 97, durationMs: 4000 })
  expect(phases.find(({ name }) => name === 'rest after 1x')).toMatchObject({ durationMs: 3000 })
})

test('the table has a line for each step, with medians', () => {
  const scores = [recording(100, 40, 0), recording(180, 72, 0), recording(190, 76, 0)].map((one) =>
    cpuScore(one, capacities),
  )
  const lines = cpuTable('busy process', [{ name: 'ours', scores }])
  expect(lines.join('\n')).toMatch(/ours +2x +0\.90 +1\.00 +0\.90/)
})

describe('good days', () => {
  test('ask for no more than there is, in the order of time', () => {
    for (const { name, arrivals, durationMs } of goodDays(0.5)) {
      const workMs = arrivals.reduce((sum, one) => sum + one.workMs, 0)
      expect(workMs / durationMs, name).toBeLessThan(0.95)
      const times = arrivals.map(({ at }) => at)
      expect(times, name).toEqual(times.toSorted((a, b) => a - b))
      expect(times.at(-1) ?? 0, name).toBeLessThan(durationMs)
    }
  })

  test('are compared with bare, by medians over the rounds', () => {
    const run = (contestant: string, round: number, good: number): object => ({
      day: 'a day',
      contestant,
      round,
      good,
      sent: 100,
      refused: 0,
      late: 100 - good,
      goodP99Ms: 12,
    })
    const runs = [1, 2, 3].flatMap((round) => [
      run('bare', round, 90 + round),
      run('spillway', round, 45 + round),
    ])
    expect(goodDaysTable(runs as never).slice(1)).toEqual([
      ['a day', 'bare', '100', '92', '1.000', '0', '8', '12 ms'],
      ['', 'spillway', '100', '47', '0.511', '0', '53', '12 ms'],
    ])
  })
})
