import { createLimiter, modes, priorities } from '@spillway/core'
import type { Admission, Limiter, Mode, Permit, Waiter } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'

// A second on an idle machine; a busy one, with coverage, needs more.
vi.setConfig({ testTimeout: 60_000 })

const pick = fc.nat(30)
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      priority: fc.constantFrom(...priorities),
      mayWait: fc.boolean(),
      deadlineMs: fc.constantFrom(undefined, 0, 40, 200),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pause' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(120) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('mode' as const), mode: fc.constantFrom(...modes) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      to: fc.integer({ min: 1, max: 4 }),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Somebody who asked, and what became of it. */
class Caller implements Waiter {
  readonly controller = new AbortController()
  admission: Admission | undefined
  permit: Permit | undefined
  pauses = 0
  answers = 0

  admitted(permit: Permit): void {
    this.answers += 1
    this.permit = permit
  }

  refused(): void {
    this.answers += 1
  }

  get isWaiting(): boolean {
    return this.admission?.kind === 'waiting' && this.answers === 0
  }
}

class World {
  readonly clock = new ManualClock()
  readonly limit = new MovableLimit(2)
  readonly limiter: Limiter
  readonly callers: Caller[] = []

  constructor(mode: Mode) {
    const queue = { maxSize: 3 }
    const { clock } = this
    this.limiter = createLimiter({ name: 'db', limit: this.limit.factory, clock, queue, mode })
  }

  get holders(): readonly Caller[] {
    return this.callers.filter(({ permit }) => permit !== undefined)
  }

  get running(): readonly Caller[] {
    return this.holders.filter(({ pauses }) => pauses === 0)
  }

  play(action: Step): void {
    switch (action.kind) {
      case 'ask':
        this.#ask(action)
        return
      case 'release':
        this.release(at(this.holders, action.pick))
        return
      case 'pause':
        pause(at(this.holders, action.pick))
        return
      case 'resume':
        resume(at(this.holders, action.pick))
        return
      case 'cancel':
        cancel(at(this.callers, action.pick))
        return
      case 'abort':
        abort(at(this.callers, action.pick))
        return
      case 'advance':
        this.clock.advance(action.ms)
        return
      case 'mode':
        this.#change(action.mode)
        return
      case 'limit':
        this.limit.current = action.to
        return
      default:
        action satisfies never
    }
  }

  release(caller: Caller | undefined): void {
    if (caller?.permit === undefined) return
    const { permit } = caller
    caller.permit = undefined
    permit.release()
    permit.release('dropped')
  }

  #change(mode: Mode): void {
    this.limiter.mode = mode
    const waiting = this.callers.filter(({ isWaiting }) => isWaiting)
    if (mode !== 'enforce') expect(waiting).toHaveLength(0)
  }

  #ask({ priority, mayWait, deadlineMs }: Extract<Step, { kind: 'ask' }>): void {
    const caller = new Caller()
    const options = { priority, deadlineMs, signal: caller.controller.signal }
    const isEnforced = this.limiter.mode === 'enforce'
    if (!isEnforced) expect(this.limiter.wouldRefuse(options)).toBeUndefined()
    const admission = this.limiter.admit(options, mayWait ? caller : undefined)
    caller.admission = admission
    this.callers.push(caller)
    if (!isEnforced) expect(admission.kind).toBe('permit')
    if (admission.kind !== 'permit') return
    caller.permit = admission
    if (isEnforced) expect(this.limiter.inFlight).toBeLessThanOrEqual(this.limit.current)
  }
}

function pause(caller: Caller | undefined): void {
  if (caller === undefined) return
  caller.pauses += 1
  caller.permit!.pause()
}

function resume(caller: Caller | undefined): void {
  if (caller === undefined) return
  caller.pauses = Math.max(0, caller.pauses - 1)
  caller.permit!.resume()
}

function cancel(caller: Caller | undefined): void {
  if (caller?.admission?.kind === 'waiting') caller.admission.cancel()
}

function abort(caller: Caller | undefined): void {
  caller?.controller.abort()
}

function at<T>(items: readonly T[], index: number): T | undefined {
  return items[index % Math.max(1, items.length)]
}

const steps = fc.array(step, { minLength: 5, maxLength: 100, size: 'max' })

test('whatever the mode becomes and whenever: nobody waits in vain, every permit comes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...modes), steps, async (mode, actions) => {
      const world = new World(mode)
      for (const action of actions) {
        world.play(action)
        // Who was pushed out of a full queue is told in a microtask.
        if (world.limiter.queued > 0) await Promise.resolve()
        expect(world.limiter.inFlight).toBe(world.running.length)
      }
      for (let round = 0; round < 20; round += 1) {
        for (const caller of world.holders) world.release(caller)
        world.clock.advance(1000)
        await Promise.resolve()
      }
      const { inFlight, queued, admitted, released } = world.limiter.stats()
      const left = { inFlight, queued, timers: world.clock.pendingTimers }
      expect(left).toEqual({ inFlight: 0, queued: 0, timers: 0 })
      expect(sum(released)).toBe(sum(admitted))
      for (const caller of world.callers) {
        expect(caller.answers).toBe(caller.admission?.kind === 'waiting' ? 1 : 0)
      }
    }),
    { numRuns: 500 },
  )
})

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, calls) => total + calls, 0)
}
