import type { Priority } from '@spillway/core'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import type { Ask } from './model/action.ts'
import type { Caller } from './model/caller.ts'
import { World } from './model/world.ts'

// A second on an idle machine; a busy one, with coverage, needs more.
vi.setConfig({ testTimeout: 60_000 })

const limit = 2

function patientAsk(partition: string, priority: Priority = 'default'): Ask {
  return {
    mayWait: true,
    looksFirst: false,
    isGone: false,
    priority,
    partition,
    workload: undefined,
    deadlineMs: 100_000,
    maxWaitMs: undefined,
    onAdmitted: { kind: 'keep' },
    onRefused: [],
  }
}

/** As many run as may: whoever asks now waits. */
function saturatedWorld(): World {
  const world = new World({ limit, maxSize: 1000 })
  for (let call = 0; call < limit; call += 1) world.ask(patientAsk('first'))
  return world
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    partition: fc.constantFrom('a', 'b', 'c', 'd'),
    priority: fc.constantFrom('high' as const, 'default' as const),
    count: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ kind: fc.constant('release' as const), pick: fc.nat(limit) }),
  fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat(30) }),
)
const steps = fc.array(step, { minLength: 10, maxLength: 150, size: 'max' })

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function play(world: World, action: Step): void {
  if (action.kind === 'ask') {
    const { partition, priority } = action
    for (let call = 0; call < action.count; call += 1) world.ask(patientAsk(partition, priority))
  } else if (action.kind === 'release') {
    world.play({ ...action, outcome: 'success', times: 1 })
  } else {
    world.play(action)
  }
}

function laneOf({ ask }: Caller): string {
  return `${ask.priority} ${ask.partition}`
}

/** Plays a script and shows each grant together with those who waited already at the grant before. */
function watchGrants(
  actions: readonly Step[],
  judge: (granted: Caller, world: World, queuedAt: ReadonlyMap<Caller, number>) => void,
): number {
  const world = saturatedWorld()
  const queuedAt = new Map<Caller, number>()
  for (const action of actions) {
    const before = world.grants.length
    play(world, action)
    for (const caller of world.waiting) {
      if (!queuedAt.has(caller)) queuedAt.set(caller, before)
    }
    const granted = world.grants.slice(before)
    expect(granted.length).toBeLessThanOrEqual(1)
    if (granted[0] !== undefined) judge(granted[0], world, queuedAt)
  }
  return world.grants.length
}

/** The lane that was passed over, if any: it waited all the time between two grants to another. */
function passedOver(
  granted: Caller,
  { grants, waiting }: World,
  queuedAt: ReadonlyMap<Caller, number>,
): string | undefined {
  const lane = laneOf(granted)
  const previous = grants.findLastIndex((caller) => caller !== granted && laneOf(caller) === lane)
  if (previous === -1) return undefined
  const between = new Set(grants.slice(previous + 1).map(laneOf))
  const unlucky = waiting.find(
    (caller) =>
      caller.ask.priority === granted.ask.priority &&
      queuedAt.get(caller)! <= previous &&
      !between.has(laneOf(caller)),
  )
  return unlucky === undefined ? undefined : laneOf(unlucky)
}

test('between two grants to one partition everybody else who waits gets one', () => {
  let grants = 0
  fc.assert(
    fc.property(steps, (actions) => {
      grants += watchGrants(actions, (granted, world, queuedAt) => {
        expect(passedOver(granted, world, queuedAt)).toBeUndefined()
      })
    }),
    { numRuns: 300 },
  )
  expect(grants).toBeGreaterThan(1000)
})

test('two saturated partitions: their grants differ by one at most, whoever asks more', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('noisy', 'noisy', 'noisy', 'noisy', 'quiet'), {
        minLength: 20,
        maxLength: 200,
        size: 'max',
      }),
      (partitions) => {
        const world = saturatedWorld()
        for (const partition of partitions) world.ask(patientAsk(partition))
        const quiet = partitions.filter((partition) => partition === 'quiet').length
        const both = 2 * Math.min(quiet, partitions.length - quiet)
        for (let grant = 0; grant < both; grant += 1) world.release(world.running[0], 'success', 1)
        const lanes = world.grants.map(({ ask }) => ask.partition)
        for (let end = 2; end <= both; end += 1) expect(lanes[end - 1]).not.toBe(lanes[end - 2])
        expect(lanes).toHaveLength(both)
      },
    ),
    { numRuns: 200 },
  )
})

test('within a partition and a priority, first come is first served while it is only a burst', () => {
  fc.assert(
    fc.property(steps, (actions) => {
      watchGrants(actions, (granted, world) => {
        const place = world.callers.indexOf(granted)
        const older = world.waiting.filter(
          (caller) => laneOf(caller) === laneOf(granted) && world.callers.indexOf(caller) < place,
        )
        expect(older).toEqual([])
      })
    }),
    { numRuns: 200 },
  )
})
