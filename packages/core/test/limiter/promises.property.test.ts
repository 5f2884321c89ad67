import { createLimiter, isSpillwayError, priorities } from '@spillway/core'
import type { Limiter } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'

// A second on an idle machine; a busy one, with coverage, needs more.
vi.setConfig({ testTimeout: 60_000 })

const limit = 2

const step = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    how: fc.constantFrom('acquire' as const, 'run' as const, 'try' as const),
    priority: fc.constantFrom(...priorities),
    deadlineMs: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined }),
    ending: fc.constantFrom('resolve' as const, 'reject' as const, 'throw' as const),
  }),
  fc.record({ kind: fc.constant('settle' as const), pick: fc.nat(60) }),
  fc.record({ kind: fc.constant('abort' as const), pick: fc.nat(60) }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 80 }) }),
  fc.record({ kind: fc.constant('breathe' as const) }),
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type AskStep = Extract<Step, { kind: 'ask' }>

/** Lets every promise that can settle do so. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

class Job {
  readonly controller = new AbortController()
  readonly answer: Promise<string>
  starts = 0
  mostInFlight = 0
  /** Ends the work; does nothing before it has begun. */
  settle: () => void = () => undefined
  readonly #limiter: Limiter
  readonly #ask: AskStep

  constructor(limiter: Limiter, ask: AskStep) {
    this.#limiter = limiter
    this.#ask = ask
    this.answer = this.#play().then(
      () => 'done',
      (error: unknown) => (isSpillwayError(error) ? error.code : String(error)),
    )
  }

  async #play(): Promise<void> {
    const { how, priority, deadlineMs } = this.#ask
    const options = { priority, deadlineMs, signal: this.controller.signal }
    if (how === 'run') return this.#limiter.run(() => this.#work(), options)
    const permit =
      how === 'acquire' ? await this.#limiter.acquire(options) : this.#limiter.tryAcquire(options)
    if (permit === undefined) return undefined
    return this.#work().finally(() => {
      permit.release()
      permit.release('dropped')
    })
  }

  #work(): Promise<void> {
    this.starts += 1
    this.mostInFlight = Math.max(this.mostInFlight, this.#limiter.inFlight)
    if (this.#ask.ending === 'throw' && this.#ask.how === 'run') throw new Error('before asking')
    return new Promise((resolve, reject) => {
      const { ending } = this.#ask
      this.settle = () => {
        if (ending === 'resolve') resolve()
        else reject(new Error('failed'))
      }
    })
  }
}

async function play(jobs: readonly Job[], clock: ManualClock, action: Step): Promise<void> {
  if (action.kind === 'settle') jobs[action.pick]?.settle()
  if (action.kind === 'abort') jobs[action.pick]?.controller.abort()
  if (action.kind === 'advance') clock.advance(action.ms)
  if (action.kind === 'breathe') await breathe()
}

const answers =
  /^(?:done|Error: failed|Error: before asking|SPW_ERR_(?:LIMIT_EXCEEDED|QUEUE_TIMEOUT|DEADLINE|CANCELLED))$/

test('acquire, run and tryAcquire: every promise settles, every permit comes back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }),
      async (steps) => {
        const clock = new ManualClock()
        const factory = new MovableLimit(limit).factory
        const limiter = createLimiter({ name: 'db', limit: factory, clock, queue: { maxSize: 4 } })
        const jobs: Job[] = []
        for (const action of steps) {
          if (action.kind === 'ask') jobs.push(new Job(limiter, action))
          else await play(jobs, clock, action)
          expect(limiter.inFlight).toBeLessThanOrEqual(limit)
          expect(limiter.queued).toBeLessThanOrEqual(4)
        }
        for (let round = 0; round < 20; round += 1) {
          for (const { settle } of jobs) settle()
          await breathe()
        }
        for (const job of jobs) {
          expect(await job.answer).toMatch(answers)
          expect(job.starts).toBeLessThanOrEqual(1)
          expect(job.mostInFlight).toBeLessThanOrEqual(limit)
        }
        const { admitted, released, inFlight, queued } = limiter.stats()
        expect({ inFlight, queued, timers: clock.pendingTimers }).toEqual({
          inFlight: 0,
          queued: 0,
          timers: 0,
        })
        expect(sum(released)).toBe(sum(admitted))
      },
    ),
    { numRuns: 150 },
  )
})

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, calls) => total + calls, 0)
}
