import type { ShopReport } from '@spillway/example-slow-database/shop/process.ts'
import { describe, expect, it } from 'vitest'
import { fleetContestants } from '../overload/fleet/contestants.ts'
import { fleetScore } from '../overload/fleet/fleet-score.ts'
import { fleetBars, fleetTable } from '../overload/fleet/fleet-table.ts'
import { mergeReports } from '../overload/fleet/merge-reports.ts'
import type { FleetRecording } from '../overload/fleet/recording.ts'
import { fleetScenarios } from '../overload/fleet/scenarios.ts'
import type { FleetKind } from '../overload/fleet/streams.ts'
import { fleetStreams, streamRate } from '../overload/fleet/streams.ts'
import type { StreamAnswer } from '../overload/load/stream-spec.ts'
import type { Run } from '../overload/rounds.ts'

const kinds: readonly FleetKind[] = ['order', 'browse']

describe('the load on a fleet', () => {
  it.each(fleetScenarios(1))('is in equal shares what the plan says: $name', (scenario) => {
    const urls = Array.from({ length: scenario.processes }, (_, index) => `http://${index}`)
    const streams = fleetStreams(urls)
    for (const { rate } of scenario.plan.phases) {
      const rates = streams.map(({ kind }) => streamRate(kind, rate / scenario.processes))
      expect(rates.every((one) => Number.isInteger(one) && one > 0)).toBe(true)
      expect(rates.reduce((sum, one) => sum + one, 0)).toBe(rate)
    }
  })

  it('has one order in five requests', () => {
    expect(kinds.map((kind) => streamRate(kind, 75))).toEqual([15, 60])
    expect(kinds.map((kind) => streamRate(kind, 25))).toEqual([5, 20])
  })

  it('reaches no two processes in the same moment', () => {
    const offsets = fleetStreams(['http://a', 'http://b', 'http://c']).map((one) => one.offsetMs)
    expect(new Set(offsets).size).toBe(offsets.length)
  })
})

describe('contestants of a fleet', () => {
  const told = (name: string, processes: number): number =>
    fleetContestants.find((one) => one.name === name)!.slotsFor(8, processes)

  it('are told their share if they are the oracle, and at least one call', () => {
    expect([told('oracle', 4), told('oracle', 8), told('oracle', 12)]).toEqual([2, 1, 1])
    expect([told('p-limit', 4), told('p-limit', 12)]).toEqual([16, 16])
  })
})

function report(at: number, arrived: number, refusedMs: readonly number[] = []): ShopReport {
  return { at, arrived, open: 1, running: 2, poolWaiting: 0, refusedMs }
}

describe('reports of several processes', () => {
  it('add up in the order of time', () => {
    const merged = mergeReports([
      [report(0, 10), report(100, 20, [1])],
      [report(50, 5), report(150, 15, [2])],
    ])
    expect(merged.map(({ at, arrived }) => [at, arrived])).toEqual([
      [0, 10],
      [50, 15],
      [100, 25],
      [150, 35],
    ])
    expect(merged.flatMap(({ refusedMs }) => refusedMs)).toEqual([1, 2])
    expect(merged.at(-1)).toMatchObject({ open: 2, running: 4 })
  })
})

/** Good answers a second of each process while a database of 40 queries a second is asked for 300. */
function recording(perSecond: readonly number[], orderRatio: number): FleetRecording {
  const urls = perSecond.map((_, index) => `http://${index}`)
  const durationMs = 10_200
  const storage = { slots: 8, holdMs: 200 }
  const phase = { name: 'slow', durationMs, storage, rate: 300, isCounted: true }
  const answers = perSecond.flatMap((rate, process) =>
    Array.from({ length: rate * 10 }, (_, index): StreamAnswer<FleetKind> => {
      const isOrder = (index % 10) / 10 < orderRatio
      return {
        kind: isOrder ? 'order' : 'browse',
        stream: 2 * process + (isOrder ? 0 : 1),
        outcome: 'good',
        sentAt: 200 + (index * 1000) / rate,
        latencyMs: 0,
      }
    }),
  )
  return {
    name: 'one',
    phases: [{ ...phase, from: 0, to: durationMs }],
    urls,
    streams: fleetStreams(urls),
    answers,
    reports: urls.map(() => [report(0, 0), report(durationMs - 100, 750)]),
  }
}

describe('the score of a fleet', () => {
  it('is that of one process, and how even they were', () => {
    const one = fleetScore(recording([10, 10, 10, 6], 0.5), [])
    expect(one.goodputRatio).toBeCloseTo(0.9)
    expect(one.criticalRatio).toBeCloseTo(0.45)
    expect(one.served).toEqual([100, 100, 100, 60])
    expect(one.leastToMostRatio).toBeCloseTo(0.6)
    expect(one.phases[0]!.arrivedPerSecond).toBeCloseTo(300, -1)
  })

  it('is nothing of nothing', () => {
    expect(fleetScore(recording([0, 0], 0), [])).toMatchObject({
      goodputRatio: 0,
      leastToMostRatio: 0,
    })
  })
})

describe('the verdict on a fleet', () => {
  const [four] = fleetScenarios(1)
  const run = (
    contestant: string,
    round: number,
    perSecond: readonly number[],
  ): Run<ReturnType<typeof fleetScore>> => ({
    scenario: four!.name,
    contestant,
    round,
    score: fleetScore(recording(perSecond, 0.5), []),
  })
  const oracle = [1, 2, 3].map((round) => run('oracle', round, [10, 10, 10, 10]))

  it('compares each round with the oracle in it, and takes the median', () => {
    const own = [
      run('spillway', 1, [10, 10, 10, 10]),
      run('spillway', 2, [9, 9, 9, 9]),
      run('spillway', 3, [2, 2, 2, 2]),
    ]
    const bars = fleetBars(four!, [...oracle, ...own])
    expect(bars.map(({ isMet }) => isMet)).toEqual([true, true, true])
    expect(bars[0]).toMatchObject({ measured: '0.90 (0.20 to 1.00)', wanted: '>= 0.9' })
    expect(fleetTable(four!.name, ['oracle', 'spillway'], [...oracle, ...own]).join('\n')).toMatch(
      /spillway +0\.90 \(0\.20 to 1\.00\)/,
    )
  })

  it('minds an uneven fleet', () => {
    const own = [run('spillway', 1, [10, 10, 10, 4])]
    const bars = fleetBars(four!, [...oracle, ...own])
    expect(bars.map(({ isMet }) => isMet)).toEqual([false, true, false])
  })

  it('says nothing of what did not run', () => {
    expect(fleetBars(four!, oracle)).toEqual([])
  })
})
