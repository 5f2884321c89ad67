import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BreakerOutcome, StateChange } from '../src/index.ts'
import { makeWorld, trip } from './world.ts'

interface AnyCall {
  /** Infinity: it never ends. */
  readonly takesMs: number
  readonly outcome: BreakerOutcome
}

const stepMs = 10
const timeoutMs = 3000
const anyOutcome = fc.constantFrom<BreakerOutcome>('success', 'failure', 'timeout', 'ignored')

/**
 * A call each ten milliseconds for half a minute after the circuit has opened, those of `calls` in turn.
 * How long it was half-open each time, and what it became.
 */
function stays(calls: readonly AnyCall[], slowCallMs?: number): { ms: number; to: string }[] {
  const { breaker, clock } = trippedWorld(slowCallMs)
  const found: { ms: number; to: string }[] = []
  let since = Infinity
  breaker.onStateChange(({ from, to }: StateChange) => {
    if (from === 'half_open') found.push({ ms: clock.now() - since, to })
    if (to === 'half_open') since = clock.now()
  })
  for (let step = 0; step < 30_000 / stepMs; step += 1) {
    const { takesMs, outcome } = calls[step % calls.length]!
    const admission = breaker.admit()
    if (admission.kind === 'pass' && takesMs < Infinity) {
      clock.setTimer(() => admission.end(outcome), takesMs)
    }
    clock.advance(stepMs)
  }
  if (breaker.state === 'half_open') found.push({ ms: clock.now() - since, to: 'half_open' })
  return found
}

function trippedWorld(slowCallMs: number | undefined): ReturnType<typeof makeWorld> {
  const world = makeWorld({ timeoutMs, slowCallMs })
  trip(world)
  return world
}

test('whatever the evidence is, half-open ends in bounded time', () => {
  const takesMs = fc.oneof(fc.nat(2000), fc.constant(Infinity))
  const anyCall = fc.record({ takesMs, outcome: anyOutcome })
  fc.assert(
    fc.property(
      fc.array(anyCall, { minLength: 1, maxLength: 12 }),
      fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
      (calls, slowCallMs) => {
        // Four rounds of probes that each take as long as any, and then those that never end.
        const boundMs = 4 * 2000 + 2 * timeoutMs + 1000
        for (const { ms } of stays(calls, slowCallMs)) expect(ms).toBeLessThanOrEqual(boundMs)
      },
    ),
    { numRuns: 40 },
  )
})

test('evidence that is not against the downstream closes it, and soon', () => {
  const harmless = fc.constantFrom<BreakerOutcome>('success', 'ignored', 'ignored')
  const anyCall = fc.record({ takesMs: fc.nat(400), outcome: harmless })
  fc.assert(
    fc.property(fc.array(anyCall, { minLength: 1, maxLength: 12 }), (calls) => {
      const [first, ...more] = stays(calls)
      expect(first!.to).toBe('closed')
      // Twice the probe interval, then whoever ends next; or the four rounds.
      expect(first!.ms).toBeLessThanOrEqual(1000 + 4 * (400 + stepMs))
      expect(more).toEqual([])
    }),
    { numRuns: 40 },
  )
})
