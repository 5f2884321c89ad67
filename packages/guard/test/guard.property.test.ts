import { fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createGuard } from '../src/index.ts'

const limit = 3

const step = fc.oneof(
  fc.record({
    kind: fc.constant('run' as const),
    priority: fc.constantFrom(
      'critical' as const,
      'high' as const,
      'default' as const,
      'low' as const,
    ),
    deadlineMs: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
    ending: fc.constantFrom('success' as const, 'failure' as const, 'throw' as const),
    stopsOnAbort: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('settle' as const), pick: fc.nat(60) }),
  fc.record({ kind: fc.constant('abort' as const), pick: fc.nat(60) }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }),
  fc.record({ kind: fc.constant('breathe' as const) }),
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type RunStep = Extract<Step, { kind: 'run' }>

class World {
  readonly clock = new ManualClock()
  readonly guard = createGuard({
    name: 'db',
    clock: this.clock,
    limit: fixedLimit(limit),
    queue: { maxSize: 5 },
    timeoutMs: 120,
  })
  readonly calls: Caller[] = []
  running = 0
  mostRunning = 0
}

class Caller {
  readonly controller = new AbortController()
  readonly answer: Promise<void>
  answers = 0
  starts = 0
  abortedWhileWaiting = false
  startedAt: number | undefined
  settle: () => void = () => undefined
  ended = false
  readonly #world: World

  constructor(world: World, { priority, deadlineMs, ending, stopsOnAbort }: RunStep) {
    this.#world = world
    const settled = (): void => {
      this.answers += 1
    }
    const options = { priority, signal: this.controller.signal }
    this.answer = world.guard
      .run((signal) => this.#work(signal, ending, stopsOnAbort), {
        ...options,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      })
      .then(settled, settled)
  }

  #work(signal: AbortSignal, ending: RunStep['ending'], stopsOnAbort: boolean): Promise<void> {
    this.starts += 1
    if (ending === 'throw') throw new Error('before asking')
    this.#world.running += 1
    this.#world.mostRunning = Math.max(this.#world.mostRunning, this.#world.running)
    return new Promise((resolve, reject) => {
      this.settle = () => {
        if (this.ended) return
        this.ended = true
        this.#world.running -= 1
        if (ending === 'success') resolve()
        else reject(new Error('failed'))
      }
      if (stopsOnAbort) signal.addEventListener('abort', this.settle)
    })
  }

  abort(): void {
    this.abortedWhileWaiting ||= this.starts === 0 && this.answers === 0
    this.controller.abort()
  }
}

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function play(world: World, action: Step): Promise<void> {
  if (action.kind === 'run') world.calls.push(new Caller(world, action))
  if (action.kind === 'settle') world.calls[action.pick]?.settle()
  if (action.kind === 'abort') world.calls[action.pick]?.abort()
  if (action.kind === 'advance') world.clock.advance(action.ms)
  if (action.kind === 'breathe') await breathe()
}

test('whatever happens in whatever order: bounded, released once, everybody answered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 120 }), async (steps) => {
      const world = new World()
      const { guard, calls, clock } = world
      for (const action of steps) {
        await play(world, action)
        const { inFlight, running, abandoned } = guard.stats()
        expect(world.running).toBeLessThanOrEqual(limit)
        expect(inFlight).toBeLessThanOrEqual(limit)
        expect(running).toBeLessThanOrEqual(inFlight)
        expect(abandoned).toBeLessThanOrEqual(running)
      }

      // Every caller is answered although no work that ignores its signal has ended.
      for (let round = 0; round < 10; round += 1) {
        clock.advance(200)
        await breathe()
      }
      await Promise.all(calls.map(({ answer }) => answer))
      for (const { answers, starts, abortedWhileWaiting } of calls) {
        expect(answers).toBe(1)
        expect(starts).toBeLessThanOrEqual(1)
        if (abortedWhileWaiting) expect(starts).toBe(0)
      }
      // What still runs has been abandoned, and holds its permit.
      expect(guard.stats().inFlight).toBe(world.running)
      expect(guard.stats().abandoned).toBe(world.running)

      for (const { settle } of calls) settle()
      await breathe()
      const { admitted, released, ...stats } = guard.stats()
      expect(stats).toMatchObject({ inFlight: 0, running: 0, abandoned: 0, queued: 0 })
      expect(sum(released)).toBe(sum(admitted))
      expect(clock.pendingTimers).toBe(0)
      expect(world.mostRunning).toBeLessThanOrEqual(limit)
    }),
    { numRuns: 300 },
  )
})

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
