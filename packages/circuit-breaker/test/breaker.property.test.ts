import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BreakerOutcome, BreakerPass } from '../src/index.ts'
import type { World } from './world.ts'
import { call, makeWorld } from './world.ts'

const anyOutcome = fc.constantFrom<BreakerOutcome>('success', 'failure', 'failure', 'ignored')
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('admit' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      pick: fc.nat(),
      outcome: anyOutcome,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(600) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('open' as const, 'close' as const) }) },
)
const lawful = new Set([
  'closed open failures',
  'closed open manual',
  'open half_open open_time_over',
  'open closed manual',
  'half_open open probes_failed',
  'half_open open manual',
  'half_open closed probes_succeeded',
  'half_open closed manual',
])

interface Held {
  readonly pass: BreakerPass
  readonly generation: number
  readonly at: number
}

type Step =
  | { readonly kind: 'admit' | 'open' | 'close' }
  | { readonly kind: 'end'; readonly pick: number; readonly outcome: BreakerOutcome }
  | { readonly kind: 'advance'; readonly ms: number }

/** A breaker and the passes that it has given out, with what must hold after each step. */
class Model {
  readonly world: World = makeWorld({ minimumCalls: 3 })
  readonly held: Held[] = []

  take(step: Step): void {
    const { breaker, clock } = this.world
    if (step.kind === 'advance') clock.advance(step.ms)
    else if (step.kind === 'admit') this.#admit()
    else if (step.kind === 'end') this.#end(step.pick, step.outcome)
    else breaker[step.kind]()
  }

  check(): void {
    const { breaker, clock, changes } = this.world
    const placed = this.held.filter(
      ({ generation, at }) => generation === changes.length && clock.now() - at < 500,
    )
    if (changes.at(-1)?.to === 'half_open') expect(placed.length).toBeLessThanOrEqual(8)
    expect(breaker.stats().inFlight).toBe(this.held.length)
    expect(clock.pendingTimers).toBe(0)
  }

  #admit(): void {
    const { breaker, clock, changes } = this.world
    const wouldRefuse = breaker.wouldRefuse()
    const admission = breaker.admit()
    expect(admission.kind === 'pass' ? undefined : admission).toEqual(wouldRefuse)
    if (admission.kind === 'refusal') return
    this.held.push({ pass: admission, generation: changes.length, at: clock.now() })
  }

  #end(pick: number, outcome: BreakerOutcome): void {
    const { changes } = this.world
    const generation = changes.length
    const [ended] = this.held.splice(pick % Math.max(this.held.length, 1), 1)
    ended?.pass.end(outcome)
    if (ended?.generation !== generation) expect(changes).toHaveLength(generation)
  }
}

test('whatever happens, only lawful changes; stragglers change nothing; probes stay few', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 150 }), (steps) => {
      const model = new Model()
      for (const step of steps) {
        model.take(step)
        model.check()
      }
      const { changes } = model.world
      const made = changes.map(({ from, to, reason }) => `${from} ${to} ${reason}`)
      expect(made.filter((change) => !lawful.has(change))).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test('from wherever it is, it closes again when calls succeed, unless it was opened by hand', () => {
  const notByHand = action.filter(({ kind }) => kind !== 'open')
  fc.assert(
    fc.property(fc.array(notByHand, { maxLength: 80 }), (steps) => {
      const model = new Model()
      for (const step of steps) model.take(step)
      // Nothing that is in flight ever ends.
      const { breaker, clock } = model.world
      clock.advance(800)
      call(breaker, 'success', 15)
      expect(breaker.state).toBe('closed')
    }),
    { numRuns: 300 },
  )
})

/** Each bucket is a tenth of the window; a call is in the window while its bucket is among the last ten. */
test('opens exactly when a recount of the window says so', () => {
  const step = fc.record({ ms: fc.nat(300), failed: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (steps, min) => {
      const { breaker, clock } = makeWorld({ minimumCalls: min, failureRatio: 0.4 })
      const ended: { bucket: number; failed: boolean }[] = []
      for (const { ms, failed } of steps) {
        clock.advance(ms)
        const bucket = Math.floor(clock.now() / 100)
        ended.push({ bucket, failed })
        call(breaker, failed ? 'failure' : 'success')
        const inWindow = ended.filter((one) => one.bucket > bucket - 10)
        const failures = inWindow.filter((one) => one.failed).length
        const opens = failed && inWindow.length >= min && failures > 0.4 * inWindow.length
        expect(breaker.state).toBe(opens ? 'open' : 'closed')
        if (opens) return
      }
    }),
    { numRuns: 300 },
  )
})
