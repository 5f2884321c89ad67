import { createAdaptiveThrottle, createRetry } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'

interface Tally {
  requests: number
  attempts: number
  answered: number
}

/** What happened in so many milliseconds, and then in the next. */
interface Story {
  readonly healthy: Tally
  readonly outage: Tally
  readonly recovery: Tally
}

/** Evenly spread draws, the same in every run. */
function draws(): () => number {
  let index = 0
  return () => (index++ * 0.618_033_988_75) % 1
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn += 1) await Promise.resolve()
}

/** A client of a downstream that answers within 20 ms, refuses everything for ten seconds, and is back. */
async function play(perSecond: number): Promise<Story> {
  const clock = new ManualClock()
  const random = draws()
  const throttle = createAdaptiveThrottle({ clock, random })
  const retry = createRetry({ clock, random, throttle, idempotent: true })
  let isUp = true
  const phase = async (ms: number): Promise<Tally> => {
    const tally: Tally = { requests: 0, attempts: 0, answered: 0 }
    const work = async (): Promise<void> => {
      tally.attempts += 1
      if (!isUp) throw new Error('503')
      await new Promise<void>((resolve) => clock.setTimer(resolve, 20))
    }
    const ask = async (): Promise<void> => {
      await retry.run(work, { deadlineMs: 1000 })
      tally.answered += 1
    }
    for (let asked = 0; asked < (ms * perSecond) / 1000; asked += 1) {
      tally.requests += 1
      ask().catch(() => undefined)
      await turns()
      clock.advance(1000 / perSecond)
    }
    return tally
  }
  const healthy = await phase(20_000)
  isUp = false
  const outage = await phase(10_000)
  isUp = true
  return { healthy, outage, recovery: await phase(4000) }
}

test.each([
  [10, 0.5],
  [50, 0.8],
  [100, 0.9],
  [1000, 0.95],
])(
  '%d requests a second: an outage is not amplified, and of the first 4 s after it %d get through',
  async (perSecond, throughRatio) => {
    const { healthy, outage, recovery } = await play(perSecond)
    expect(healthy).toMatchObject({ attempts: healthy.requests })
    expect(outage.attempts / outage.requests).toBeLessThanOrEqual(1.1)
    expect(recovery.answered / recovery.requests).toBeGreaterThanOrEqual(throughRatio)
  },
)
