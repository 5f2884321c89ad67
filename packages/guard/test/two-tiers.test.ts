import { createLimiter, createRetry } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'
import type { Guard } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { SimulatedDatabase, turns } from './simulated-database.ts'

interface Tally {
  requests: number
  retries: number
  answered: number
  /** Answers of the lower tier's door that said no. */
  sheds: number
}

/** A service with a guard and retries, before one with a limiter at its door, before a database. */
class TwoTiers {
  readonly clock: ManualClock = new ManualClock()
  readonly guard: Guard = createGuard({ name: 'lower', clock: this.clock })
  readonly tally: Tally = { requests: 0, retries: 0, answered: 0, sheds: 0 }
  readonly #retry = createRetry({ clock: this.clock, idempotent: true, random: () => 0.5 })
  // Refuses at once what a queue would soften.
  readonly #door = createLimiter({ name: 'door', clock: this.clock, queue: { maxSize: 0 } })
  readonly #database = new SimulatedDatabase(this.clock)

  async play(ms: number, perMs: number): Promise<void> {
    let due = 0
    for (let at = 0; at < ms; at += 1) {
      for (due += perMs; due >= 1; due -= 1) this.#ask().catch(() => undefined)
      this.clock.advance(1)
      await turns()
    }
  }

  async #ask(): Promise<void> {
    this.tally.requests += 1
    await this.#retry.run(
      ({ attempt }) => {
        if (attempt > 1) this.tally.retries += 1
        return this.guard.run(() => this.#lower(), { deadlineMs: 1000 })
      },
      { deadlineMs: 1000 },
    )
    this.tally.answered += 1
  }

  async #lower(): Promise<void> {
    const permit = this.#door.tryAcquire()
    if (permit === undefined) {
      this.tally.sheds += 1
      throw Object.assign(new Error('Service Unavailable'), { statusCode: 503 })
    }
    await this.#database.query()
    permit.release('success')
  }
}

const { capacityPerSecond } = SimulatedDatabase

test.each([2, 3, 10])(
  'two tiers at %d times the load: sheds open no circuit, are not multiplied, and goodput holds',
  async (load) => {
    const world = new TwoTiers()
    const { tally } = world
    const perMs = (load * capacityPerSecond) / 1000
    await world.play(5000, perMs)
    const answeredBefore = tally.answered
    await world.play(10_000, perMs)
    expect(tally.sheds).toBeGreaterThan(0)
    expect(tally.retries).toBeGreaterThan(0)
    expect(tally.retries).toBeLessThanOrEqual(0.1 * tally.requests)
    expect(world.guard.stats().breaker).toMatchObject({ state: 'closed', opened: 0 })
    const goodput = (tally.answered - answeredBefore) / (10 * capacityPerSecond)
    expect(goodput).toBeGreaterThanOrEqual(0.9)
  },
)
