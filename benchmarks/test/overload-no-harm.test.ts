import type { AnswerOutcome } from '@spillway/example-slow-database/load/answer.ts'
import { computedCapacity } from '@spillway/example-slow-database/database/database.ts'
import { describe, expect, it } from 'vitest'
import type { StreamAnswer } from '../overload/load/stream-spec.ts'
import { contestants, ours } from '../overload/no-harm/contestants/index.ts'
import { noHarmScore } from '../overload/no-harm/no-harm-score.ts'
import { noHarmBars, noHarmTable } from '../overload/no-harm/no-harm-table.ts'
import type { NoHarmRecording } from '../overload/no-harm/recording.ts'
import type { NoHarmScenario } from '../overload/no-harm/scenarios.ts'
import { noHarmScenarios } from '../overload/no-harm/scenarios.ts'
import type { Kind } from '../overload/no-harm/streams.ts'
import { streamsOf } from '../overload/no-harm/streams.ts'
import { lostLoad } from '../overload/reached.ts'

const scenarios = noHarmScenarios(1)

function scenario(name: string): NoHarmScenario {
  return scenarios.find((one) => one.name === name)!
}

/** Milliseconds of a slot that each kind needs while a query takes 20. */
const slotMs: Readonly<Partial<Record<Kind, number>>> = { item: 20, order: 20, report: 300 }

describe('scenarios', () => {
  it.each(scenarios.filter(({ name }) => name !== 'innocents'))(
    'leave most of the slots free: $name',
    ({ phases }) => {
      for (const { rates, orders } of phases) {
        const busy = Object.entries(rates).reduce(
          (sum, [kind, rate]) => sum + (rate * (slotMs[kind as Kind] ?? 0)) / 1000,
          0,
        )
        expect(busy).toBeLessThan(orders.slots / 2)
      }
    },
  )

  it('ask the slow database for more than it can do, and judge nobody who needs it', () => {
    const { phases, judged } = scenario('innocents')
    const { rates, orders } = phases.find(({ isCounted }) => isCounted)!
    expect((rates.item ?? 0) + (rates.order ?? 0)).toBeGreaterThan(5 * computedCapacity(orders))
    expect(judged.flatMap((one) => one.kinds)).toEqual(['ping', 'product'])
  })

  it('have rates of whole requests, and each kind a stream', () => {
    const streams = streamsOf('http://service').map(({ kind }) => kind)
    for (const { phases } of scenarios) {
      for (const [kind, rate] of phases.flatMap(({ rates }) => Object.entries(rates))) {
        expect(Number.isInteger(rate)).toBe(true)
        expect(streams).toContain(kind)
      }
    }
  })

  it('count one phase each', () => {
    for (const { phases } of scenarios) {
      expect(phases.filter(({ isCounted }) => isCounted)).toHaveLength(1)
    }
  })
})

describe('contestants', () => {
  it('are modules that protect an application', async () => {
    expect(contestants.map(({ name }) => name)).toEqual(expect.arrayContaining([...ours]))
    for (const { module } of contestants) {
      expect(await import(module.href)).toHaveProperty('protect', expect.any(Function))
    }
  })
})

interface Part {
  readonly kind: Kind
  readonly outcome: AnswerOutcome
  readonly count: number
}

/** Answers to requests that were sent in the counted phase, of 1000 to 11000 ms. */
function recording(name: string, parts: readonly Part[]): NoHarmRecording {
  const { phases } = scenario(name)
  const counted = phases.find(({ isCounted }) => isCounted)!
  const answer = (kind: Kind, outcome: AnswerOutcome, sentAt: number): StreamAnswer<Kind> => ({
    kind,
    outcome,
    sentAt,
    latencyMs: 900,
    stream: 0,
  })
  const answers = parts.flatMap(({ kind, outcome, count }) =>
    Array.from({ length: count }, (_, index) =>
      answer(kind, outcome, 1000 + (index * 9999) / count),
    ),
  )
  const outside = [answer('item', 'timed_out', 999), answer('item', 'timed_out', 11_000)]
  const report = (at: number, arrived: number, open: number) => ({
    at,
    arrived,
    open,
    running: 0,
    poolWaiting: 0,
    refusedMs: [],
  })
  return {
    phases: [{ ...counted, from: 1000, to: 11_000 }],
    answers: [...answers, ...outside],
    reports: [report(1000, 100, 5), report(6000, 600, 7), report(10_900, 1090, 9)],
    turnedAway: 3,
  }
}

const good = (kind: Kind, count: number): Part => ({ kind, outcome: 'good', count })
const refused = (kind: Kind, count: number): Part => ({ kind, outcome: 'refused', count })

describe('score', () => {
  it('counts who was sent in the counted phase, whenever the answer came', () => {
    const parts = [good('item', 90), refused('item', 10), good('report', 50)]
    const score = noHarmScore(scenario('mix shift'), recording('mix shift', parts))
    expect(score.servedRatios).toEqual([140 / 150])
    expect(score.kinds.item).toMatchObject({ sent: 100, good: 90, refused: 10, timed_out: 0 })
    expect(score).toMatchObject({ open: 7, turnedAway: 3 })
    expect(score.sentPerSecond).toBe(15)
    expect(score.arrivedPerSecond).toBe(100)
  })

  it('looks at the innocents alone', () => {
    const parts = [good('ping', 99), refused('ping', 1), good('product', 50), refused('item', 500)]
    const score = noHarmScore(scenario('innocents'), recording('innocents', parts))
    expect(score.servedRatios).toEqual([0.99, 1])
  })

  it('serves nobody where nobody came', () => {
    const score = noHarmScore(scenario('innocents'), recording('innocents', []))
    expect(score.servedRatios).toEqual([0, 0])
  })
})

describe('verdict', () => {
  const run = (name: string, contestant: string, round: number, parts: readonly Part[]) => ({
    scenario: name,
    contestant,
    round,
    score: noHarmScore(scenario(name), recording(name, parts)),
  })

  it('is of all where all can be served', () => {
    const name = 'mix shift'
    const runs = [
      run(name, 'spillway', 1, [good('item', 98), refused('item', 2)]),
      run(name, 'spillway-door', 1, [good('item', 97), refused('item', 3)]),
    ]
    const bars = noHarmBars(scenario(name), runs)
    expect(bars.map(({ measured, isMet }) => [measured, isMet])).toEqual([
      ['0.98', true],
      ['0.97', false],
    ])
  })

  it('is of what bare served in the same round where a crowd costs everybody something', () => {
    const name = '12 readers'
    const runs = [
      run(name, 'bare', 1, [good('order', 90), refused('order', 10)]),
      run(name, 'bare', 2, [good('order', 100)]),
      run(name, 'spillway', 1, [good('order', 90), refused('order', 10)]),
      run(name, 'spillway', 2, [good('order', 50), refused('order', 50)]),
    ]
    const bars = noHarmBars(scenario(name), runs)
    expect(bars.map(({ what }) => what)).toEqual([
      '12 readers: honest, spillway, of bare',
      '12 readers: critical, spillway, of bare',
    ])
    expect(bars[0]).toMatchObject({ measured: '0.75 (0.50 to 1.00)', isMet: false })
    expect(noHarmTable(scenario(name), ['bare', 'spillway'], runs).join('\n')).toMatch(
      /spillway +0\.70 \(0\.50 to 0\.90\) +0\.75/,
    )
  })
})

describe('a load that does not reach the service', () => {
  it('is said', () => {
    expect(lostLoad(300, 300)).toBe('')
    expect(lostLoad(0, 0)).toBe('')
    expect(lostLoad(150, 300)).toContain('only 50 %')
  })
})
