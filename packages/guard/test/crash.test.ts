import type { Limit } from '@spillway/core'
import { adaptiveLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'
import { createGuard } from '../src/index.ts'
import { SimulatedDatabase, turns } from './simulated-database.ts'

const { capacityPerSecond } = SimulatedDatabase

test.each([0, 0.5, 0.999])(
  'a database that crashes for 30 s under 1.5 times its load is cut off, probed by few, and not run over (luck %d)',
  async (luck) => {
    const clock = new ManualClock()
    let limit!: Limit
    const guard = createGuard({
      name: 'db',
      clock,
      limit: (context) => (limit = adaptiveLimit()(context)),
      breaker: { random: () => luck },
    })
    const database = new SimulatedDatabase(clock)
    let answered = 0
    const ask = async (): Promise<void> => {
      await guard.run(() => database.query(), { deadlineMs: 1000 })
      answered += 1
    }
    /** Plays on until it is so late, or until `isOver`. */
    const play = async (until: number, each: () => boolean): Promise<void> => {
      for (let at = clock.now(); at < until; at += 1) {
        for (let due = at % 4 === 0 ? 3 : 0; due > 0; due -= 1) ask().catch(() => undefined)
        clock.advance(1)
        await turns()
        if (each()) return
      }
    }
    await play(10_000, () => false)
    const limitBefore = limit.current

    database.isUp = false
    await play(11_000, () => guard.breaker!.state === 'open')
    expect(guard.breaker?.state).toBe('open')
    database.mostInside = 0
    const askedBefore = database.asked
    await play(40_000, () => false)
    expect(database.mostInside).toBeGreaterThan(0)
    expect(database.mostInside).toBeLessThanOrEqual(3)
    expect(database.asked - askedBefore).toBeLessThanOrEqual(80)
    // A crash says nothing about load.
    expect(limit.current / limitBefore).toBeGreaterThan(0.8)
    expect(limit.current / limitBefore).toBeLessThan(1.25)

    database.isUp = true
    await play(41_000, () => guard.breaker!.state === 'closed')
    expect(guard.breaker?.state).toBe('closed')
    const [asked, answeredBefore] = [database.asked, answered]
    const from = clock.now()
    await play(from + 5000, () => false)
    const perSecond = (database.asked - asked) / 5
    expect(perSecond).toBeLessThanOrEqual(1.2 * capacityPerSecond)
    expect((answered - answeredBefore) / 5).toBeGreaterThanOrEqual(0.9 * capacityPerSecond)
  },
)
