import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BreakerOutcome, BreakerPass } from '../src/index.ts'
import { call, makeWorld } from './world.ts'

const outcome = fc.constantFrom<BreakerOutcome>('success', 'failure', 'failure', 'ignored')
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('admit' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('end' as const), pick: fc.nat(), outcome }),
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

test('whatever happens, only lawful changes; stragglers change nothing; probes stay few', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 150 }), (actions) => {
      const { breaker, clock, changes } = makeWorld({ minimumCalls: 3 })
      const held: Held[] = []
      for (const step of actions) {
        const generation = changes.length
        if (step.kind === 'advance') clock.advance(step.ms)
        else if (step.kind === 'admit') {
          const wouldRefuse = breaker.wouldRefuse()
          const admission = breaker.admit()
          expect(admission.kind === 'pass' ? undefined : admission).toEqual(wouldRefuse)
          if (admission.kind === 'pass') {
            held.push({ pass: admission, generation: changes.length, at: clock.now() })
          }
        } else if (step.kind === 'end') {
          const [ended] = held.splice(step.pick % Math.max(held.length, 1), 1)
          ended?.pass.end(step.outcome)
          if (ended?.generation !== generation) expect(changes).toHaveLength(generation)
        } else breaker[step.kind]()
        const placed = held.filter(
          (one) => one.generation === changes.length && clock.now() - one.at < 500,
        )
        if (changes.at(-1)?.to === 'half_open') expect(placed.length).toBeLessThanOrEqual(8)
        expect(breaker.stats().inFlight).toBe(held.length)
      }
      for (const { from, to, reason } of changes)
        expect(lawful).toContain(`${from} ${to} ${reason}`)
      expect(clock.pendingTimers).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('from wherever it is, it closes again when calls succeed, unless it was opened by hand', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const { breaker, clock } = makeWorld({ minimumCalls: 3 })
      const held: BreakerPass[] = []
      for (const step of actions) {
        if (step.kind === 'advance') clock.advance(step.ms)
        if (step.kind === 'close') breaker.close()
        if (step.kind === 'end')
          held.splice(step.pick % Math.max(held.length, 1), 1)[0]?.end(step.outcome)
        if (step.kind !== 'admit') continue
        const admission = breaker.admit()
        if (admission.kind === 'pass') held.push(admission)
      }
      // Nothing that is in flight ever ends.
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
