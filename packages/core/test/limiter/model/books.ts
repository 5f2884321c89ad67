import { getEventListeners } from 'node:events'
import type { LimiterStats } from '@spillway/core'
import { expect } from 'vitest'
import type { World } from './world.ts'

/** What must hold between any two actions. One `expect`: it runs a hundred thousand times. */
export function expectBooksToAgree(world: World): void {
  const { limiter, waiting, running, clock, options } = world
  const wrong = [...world.violations]
  if (limiter.inFlight !== running.length) {
    wrong.push(`inFlight is ${limiter.inFlight}, but ${running.length} run`)
  }
  if (limiter.queued !== waiting.length) {
    wrong.push(`queued is ${limiter.queued}, but ${waiting.length} wait`)
  }
  if (world.evicted > 0) wrong.push(`${world.evicted} were evicted and have not been told`)
  if (limiter.queued > options.maxSize) wrong.push(`${limiter.queued} in the queue`)
  if (clock.pendingTimers > Math.min(1, limiter.queued)) {
    wrong.push(`${clock.pendingTimers} timers for ${limiter.queued} in the queue`)
  }
  if (waiting.some((caller) => clock.now() >= caller.latest(options.queueMaxWaitMs))) {
    wrong.push('somebody waits longer than it may')
  }
  if (waiting.some(({ hasLeft }) => hasLeft)) wrong.push('somebody who left still waits')
  if (isSomethingIdle(world)) wrong.push('a permit is free while somebody waits')
  if (wrong.length > 0) expect(wrong).toEqual([])
}

/** A permit lies idle while somebody waits, although the limiter has had an occasion to see it. */
function isSomethingIdle({ hasUnseenRoom, waiting, limiter, limit }: World): boolean {
  return !hasUnseenRoom && waiting.length > 0 && limiter.inFlight < limit.current
}

/** The limiter's counts are the callers' own. */
export function expectCountsToAgree(world: World): void {
  const stats = world.limiter.stats()
  expect(nonZero(stats.admitted)).toEqual(Object.fromEntries(world.admitted))
  expect(flatRefusals(stats)).toEqual(Object.fromEntries(world.refused))
  expect(stats.released).toEqual(world.released)
}

/** Every count there is, for comparing two moments. */
export function allCounts(stats: LimiterStats): readonly number[] {
  const refused = Object.values(stats.refused).flatMap((reasons) => Object.values(reasons))
  return [...Object.values(stats.admitted), ...refused, ...Object.values(stats.released)]
}

/** Everybody who runs ends, and whoever waits then is answered by the clock. */
export async function endEverything(world: World): Promise<void> {
  await endWhoRuns(world)
  await world.playOut({ kind: 'advance', ms: 1000 })
  await endWhoRuns(world)
}

async function endWhoRuns(world: World): Promise<void> {
  while (world.holders.length > 0) {
    await world.playOut({ kind: 'release', pick: 0, outcome: 'success', times: 1 })
  }
}

/** Nothing is left of anybody. */
export function expectClean(world: World): void {
  const { limiter, callers, clock } = world
  expectBooksToAgree(world)
  expect({
    inFlight: limiter.inFlight,
    queued: limiter.queued,
    timers: clock.pendingTimers,
    answeredOnce: callers.filter(({ answers }) => answers === 1).length,
    listening: callers.filter(({ controller }) => isListenedTo(controller.signal)).length,
  }).toEqual({ inFlight: 0, queued: 0, timers: 0, answeredOnce: callers.length, listening: 0 })
}

function isListenedTo(signal: AbortSignal): boolean {
  return getEventListeners(signal, 'abort').length > 0
}

function flatRefusals({ refused }: LimiterStats): Record<string, number> {
  const flat = Object.entries(refused).flatMap(([priority, reasons]) =>
    Object.entries(reasons).map(([reason, calls]) => [`${priority} ${reason}`, calls] as const),
  )
  return nonZero(Object.fromEntries(flat))
}

function nonZero(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, calls]) => calls > 0))
}
