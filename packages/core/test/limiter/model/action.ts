import { priorities } from '@spillway/core'
import type { Outcome, Priority } from '@spillway/core'
import fc from 'fast-check'

/** What a waiter does, synchronously, when it is told. */
export type Reaction =
  | { readonly kind: 'keep' }
  | { readonly kind: 'release' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume_another'; readonly pick: number }
  | { readonly kind: 'ask'; readonly ask: Ask }
  | { readonly kind: 'release_and_ask'; readonly ask: Ask }
  | { readonly kind: 'leave'; readonly pick: number }
  | { readonly kind: 'abort'; readonly pick: number }
  | { readonly kind: 'release_another'; readonly pick: number }

/** One call: what it says of itself and what it does once it is told. */
export interface Ask {
  readonly mayWait: boolean
  /** It looks whether it would be refused before it asks. */
  readonly looksFirst: boolean
  /** Its signal has aborted before it asks. */
  readonly isGone: boolean
  readonly priority: Priority
  readonly partition: string
  readonly workload: string | undefined
  readonly deadlineMs: number | undefined
  readonly maxWaitMs: number | undefined
  readonly onAdmitted: Reaction
  readonly onRefused: readonly Reaction[]
}

/** One thing that happens to a limiter. Picks are taken modulo who is there. */
export type Action =
  | { readonly kind: 'ask'; readonly ask: Ask }
  | {
      readonly kind: 'release'
      readonly pick: number
      readonly outcome: Outcome
      readonly times: number
    }
  | { readonly kind: 'use'; readonly how: 'pause' | 'resume'; readonly pick: number }
  | { readonly kind: 'cancel'; readonly pick: number }
  | { readonly kind: 'abort'; readonly pick: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'freeze'; readonly ms: number }
  | { readonly kind: 'move_limit'; readonly to: number }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' }

const pick = fc.nat(30)
const milliseconds = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, 2 ** 33) },
)

function oneIn(count: number): fc.Arbitrary<boolean> {
  return fc.integer({ min: 1, max: count }).map((number) => number === count)
}

/** `depth`: how many calls may be asked for out of one another's answers. */
function askArbitrary(depth: number): fc.Arbitrary<Ask> {
  return fc.record({
    mayWait: oneIn(4).map((never) => !never),
    looksFirst: oneIn(4),
    isGone: oneIn(16),
    priority: fc.constantFrom(...priorities),
    partition: fc.constantFrom('', 'a', 'b', 'c'),
    workload: fc.constantFrom(undefined, 'read', 'report'),
    deadlineMs: milliseconds,
    maxWaitMs: milliseconds,
    onAdmitted: reactionArbitrary(depth),
    onRefused: fc.array(refusedArbitrary(depth), { maxLength: 3, size: 'max' }),
  })
}

function refusedArbitrary(depth: number): fc.Arbitrary<Reaction> {
  const keep = fc.constant({ kind: 'keep' } as const)
  const another = fc.record({ kind: fc.constant('release_another' as const), pick })
  if (depth === 0) return fc.oneof(keep, another)
  const ask = askArbitrary(depth - 1)
  return fc.oneof(
    { weight: 4, arbitrary: keep },
    { weight: 1, arbitrary: another },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), pick }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), pick }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('ask' as const), ask }) },
  )
}

function reactionArbitrary(depth: number): fc.Arbitrary<Reaction> {
  const keep = fc.constant({ kind: 'keep' } as const)
  const release = fc.constant({ kind: 'release' } as const)
  const pause = fc.constant({ kind: 'pause' } as const)
  const resume = fc.record({ kind: fc.constant('resume_another' as const), pick })
  if (depth === 0) return fc.oneof(keep, release)
  const ask = askArbitrary(depth - 1)
  return fc.oneof(
    { weight: 4, arbitrary: keep },
    { weight: 2, arbitrary: release },
    { weight: 1, arbitrary: pause },
    { weight: 1, arbitrary: resume },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('ask' as const), ask }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('release_and_ask' as const), ask }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), pick }) },
  )
}

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), ask: askArbitrary(2) }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      pick,
      outcome: fc.constantFrom('success' as const, 'dropped' as const, 'ignored' as const),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('use' as const),
      how: fc.constantFrom('pause' as const, 'pause' as const, 'resume' as const),
      pick,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('abort' as const), pick }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.integer({ min: 0, max: 120 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('freeze' as const),
      ms: fc.integer({ min: 0, max: 400 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('move_limit' as const),
      to: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'drain' as const }) },
)

/** A script; one in eight closes the limiter somewhere in the middle. */
export const script: fc.Arbitrary<readonly Action[]> = fc
  .tuple(
    fc.array(action, { minLength: 5, maxLength: 100, size: 'max' }),
    fc.integer({ min: 0, max: 7 }),
  )
  .map(([actions, ending]) => {
    if (ending !== 0) return actions
    const middle = actions.length >> 1
    return [...actions.slice(0, middle), { kind: 'close' }, ...actions.slice(middle)]
  })
