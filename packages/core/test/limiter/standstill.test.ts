import { createLimiter, fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import { Standstill } from '../../src/limiter/standstill.ts'

interface Load {
  readonly perSecond: number
  readonly takesMs: number
  readonly deadlineMs?: number
}

const places = 10
const stoodMs = 4000

/**
 * How many are answered of those who come all at once, after five seconds of a steady load: as many as
 * have come while the process stood still, if it did.
 */
async function answeredAfter(load: Load, hasStoodStill: boolean): Promise<number> {
  const clock = new ManualClock()
  const limiter = createLimiter({ name: 'db', clock, limit: fixedLimit(places) })
  let answered = 0
  const ask = (isCounted: boolean): void => {
    const work = (): Promise<void> =>
      new Promise((resolve) => {
        clock.setTimer(resolve, load.takesMs)
      })
    limiter.run(work, { deadlineMs: load.deadlineMs }).then(
      () => {
        answered += isCounted ? 1 : 0
      },
      () => {},
    )
  }
  const pass = async (ms: number, perSecond: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 5) {
      clock.advance(5)
      await new Promise((resolve) => setImmediate(resolve))
      const before = Math.floor((passed * perSecond) / 1000)
      const now = Math.floor(((passed + 5) * perSecond) / 1000)
      for (let call = before; call < now; call += 1) ask(false)
    }
  }
  await pass(5000, load.perSecond)
  if (hasStoodStill) clock.freeze(stoodMs)
  await new Promise((resolve) => setImmediate(resolve))
  for (let call = 0; call < (load.perSecond * stoodMs) / 1000; call += 1) ask(true)
  await pass(8000, 0)
  expect(limiter).toMatchObject({ inFlight: 0, queued: 0 })
  return answered
}

describe('a process that stood still takes what had come meanwhile for no overload', () => {
  const loads: Load[] = [
    { perSecond: 20, takesMs: 100 },
    { perSecond: 50, takesMs: 20 },
    { perSecond: 50, takesMs: 20, deadlineMs: 800 },
    { perSecond: 200, takesMs: 20, deadlineMs: 5000 },
    { perSecond: 100, takesMs: 60, deadlineMs: 3000 },
  ]
  test.each(loads)(
    '$perSecond a second that take $takesMs ms, deadline $deadlineMs',
    { timeout: 30_000 },
    async (load) => {
      expect(await answeredAfter(load, true)).toBeGreaterThanOrEqual(
        await answeredAfter(load, false),
      )
    },
  )
})

describe('what happens is no standstill', () => {
  /** Whether the last of such gaps is taken for one. */
  function isStandstill(gapsMs: readonly number[]): boolean {
    const standstill = new Standstill()
    let now = 0
    let before = 0
    for (const gap of gapsMs) {
      before = now
      now += gap
      standstill.event(now)
    }
    return standstill.isWithin(before)
  }
  const repeat = (times: number, gapsMs: readonly number[]): number[] =>
    Array.from({ length: times }, () => gapsMs).flat()
  const busy = repeat(500, [0, 0, 20])

  test.each([
    { what: 'a busy second, and nothing for three', gapsMs: [...busy, 3000], expected: true },
    { what: 'the first calls of all, which take long', gapsMs: [0, 0, 3000], expected: false },
    { what: 'few calls', gapsMs: [...repeat(10, [2000]), 6000], expected: false },
    { what: 'batches', gapsMs: [...repeat(20, [0, 0, 0, 300, 5000]), 0, 300], expected: false },
    { what: 'between batches', gapsMs: repeat(20, [0, 0, 0, 300, 30_000]), expected: false },
    { what: 'a downstream that blocks', gapsMs: [...busy, 800, 0, 800, 0, 800], expected: false },
    { what: 'a short gap', gapsMs: [...busy, 240], expected: false },
  ])('$what: $expected', ({ gapsMs, expected }) => {
    expect(isStandstill(gapsMs)).toBe(expected)
  })

  test('and only calls that ran then are concerned', () => {
    const standstill = new Standstill()
    let now = 0
    for (; now < 5000; now += 20) standstill.event(now)
    standstill.event(now + 3000)
    expect([now - 500, now - 20, now + 1].map((at) => standstill.isWithin(at))).toEqual([
      true,
      true,
      false,
    ])
  })
})
