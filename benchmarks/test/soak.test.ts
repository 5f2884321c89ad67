import { describe, expect, it } from 'vitest'
import { UsageError } from '@spillway/example-slow-database/usage-error.ts'
import { parseArguments, usage } from '../soak/arguments.ts'
import type { Sample } from '../soak/sample.ts'
import { judge, maxGrowthBytes, maxSlopeBytesPerMinute, warmUpMs } from '../soak/verdict.ts'
import type { Observation } from '../soak/verdict.ts'

describe('arguments of the soak', () => {
  it('take ten minutes by default', () => {
    expect(parseArguments([])).toEqual({ isHelp: false, minutes: 10, jsonFile: undefined })
    expect(parseArguments(['--minutes', '1', '--json', 'x.json'])).toEqual({
      isHelp: false,
      minutes: 1,
      jsonFile: 'x.json',
    })
  })

  it.each([
    ['--minutes', '0'],
    ['--minutes', '1.5'],
    ['--minutes', '1441'],
    ['--minutes=-3'],
    ['--json='],
    ['--bogus'],
    ['more'],
  ])('answer %j %j with one sentence', (...args) => {
    expect(() => parseArguments(args)).toThrow(UsageError)
    expect(() => parseArguments(args)).toThrow(/^[^\n]+\.$/)
  })

  it('have a help text that names each of them', () => {
    expect(parseArguments(['-h']).isHelp).toBe(true)
    for (const option of ['--minutes', '--json', '--help']) expect(usage).toContain(option)
  })
})

const minute = 60_000
const room = { limit: 20, inFlight: 0, queued: 0, admitted: 900, refused: 100 }

function sample(atMs: number, heapUsedBytes: number, more: Partial<Sample> = {}): Sample {
  return {
    atMs,
    heapUsedBytes,
    rssBytes: 1e8,
    spillwayTimers: 0,
    resources: { TCPServerWrap: 1 },
    door: room,
    guard: { ...room, running: 0, abandoned: 0 },
    ...more,
  }
}

/** Ten minutes; under load the heap is larger, and grows as told. */
function soaked(growthPerMinute: number, end: Partial<Sample> = {}): Observation {
  const at = (index: number): number => 2 * minute + index * 10_000
  return {
    base: sample(0, 17e6),
    start: sample(2 * minute, 22e6),
    end: sample(10 * minute, 22e6 + growthPerMinute * 8, end),
    loaded: [
      sample(minute, 40e6),
      ...Array.from({ length: 48 }, (_, index) =>
        sample(at(index + 1), 26e6 + (growthPerMinute * (index + 1)) / 6 + (index % 5) * 1e5),
      ),
    ],
  }
}

describe('the verdict of the soak', () => {
  it('finds nothing in a heap that only wavers', () => {
    const { leaks, slopeBytesPerMinute, growthBytes, requests } = judge(soaked(0))
    expect(leaks).toEqual([])
    expect(Math.abs(slopeBytesPerMinute)).toBeLessThan(20_000)
    expect({ growthBytes, requests }).toEqual({ growthBytes: 0, requests: 1000 })
  })

  it('finds a heap that grows, by its slope and by its end', () => {
    const grows = judge(soaked(2 * maxSlopeBytesPerMinute))
    expect(grows.slopeBytesPerMinute).toBeCloseTo(2 * maxSlopeBytesPerMinute, -4)
    expect(grows.leaks).toHaveLength(2)
    const jumps = judge(soaked(0, { heapUsedBytes: 22e6 + maxGrowthBytes + 1 }))
    expect(jumps.leaks).toEqual([expect.stringContaining('from one quiet moment to the other')])
  })

  it('does not judge the slope of a minute', () => {
    const { start, ...rest } = soaked(2 * maxSlopeBytesPerMinute)
    const end = sample(4 * minute, start.heapUsedBytes)
    expect(judge({ ...rest, start, end }).leaks).toEqual([])
  })

  it.each([
    [{ door: { ...room, inFlight: 1 } }, '1 in flight at the door'],
    [{ door: { ...room, queued: 2 } }, '2 in the queue of the door'],
    [{ guard: { ...room, running: 3, abandoned: 3 } }, '3 running behind the guard'],
    [{ spillwayTimers: 1 }, '1 timers of Spillway'],
    [
      { resources: { TCPServerWrap: 1, TCPSocketWrap: 4 } },
      '4 TCPSocketWrap after 600 s, 0 before',
    ],
  ])('finds what is left: %j', (end, leak) => {
    expect(judge(soaked(0, end)).leaks).toEqual([expect.stringContaining(leak)])
  })

  it('looks at the quiet moment after the warm-up, too', () => {
    const { start, ...rest } = soaked(0)
    const leaks = judge({ ...rest, start: { ...start, spillwayTimers: 1 } }).leaks
    expect(leaks).toEqual(['1 timers of Spillway after 120 s.'])
  })

  it('leaves two minutes to a long run and a fifth to a short one', () => {
    expect([1, 5, 10, 60].map((minutes) => warmUpMs(minutes * minute))).toEqual([
      12_000, 60_000, 120_000, 120_000,
    ])
  })
})
