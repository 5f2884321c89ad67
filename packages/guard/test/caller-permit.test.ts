import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Permit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions, RunningCall } from '../src/index.ts'
import { createGuard } from '../src/index.ts'

interface SetUp {
  readonly clock: ManualClock
  readonly door: Limiter
  readonly guard: Guard
  /** The permit of the one who calls. */
  readonly permit: Permit
}

function setUp(options: Partial<GuardOptions> = {}): SetUp {
  const clock = new ManualClock()
  const door = createLimiter({ name: 'door', clock, limit: fixedLimit(1) })
  const guard = createGuard({ name: 'db', clock, limit: fixedLimit(1), ...options })
  return { clock, door, guard, permit: door.tryAcquire()! }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Work {
  readonly promise: Promise<string>
  end(): void
  fail(error: unknown): void
}

function work(): Work {
  let end!: () => void
  let fail!: (error: unknown) => void
  const promise = new Promise<string>((resolve, reject) => {
    end = () => resolve('rows')
    fail = reject
  })
  // That of a call which is refused fails unseen.
  promise.catch(() => {})
  return { promise, end, fail }
}

describe('the permit of a caller', () => {
  test('is others’ while its call runs, and its own again before it goes on', async () => {
    const { clock, door, guard, permit } = setUp()
    const { promise, end } = work()
    const call = guard.run(() => promise, { permit })
    expect(door.inFlight).toBe(0)
    clock.advance(300)
    const goesOn = call.then(() => door.inFlight)
    end()
    expect(await goesOn).toBe(1)
    permit.release()
    expect(permit).toMatchObject({ durationMs: 0, pausedMs: 300 })
  })

  test('is others’ while its call waits for its turn, however that ends', async () => {
    const { clock, door, guard, permit } = setUp()
    const first = work()
    const running = guard.run(() => first.promise)
    const served = guard.run(async () => 'rows', { permit })
    expect(door.inFlight).toBe(0)
    first.end()
    await Promise.all([running, served])
    expect(door.inFlight).toBe(1)

    const second = work()
    const again = guard.run(() => second.promise)
    const refused = guard.run(async () => 'rows', { permit, deadlineMs: 50 })
    const told = expect(refused).rejects.toMatchObject({ code: 'SPW_ERR_QUEUE_TIMEOUT' })
    expect(door.inFlight).toBe(0)
    clock.advance(50)
    await told
    expect(door.inFlight).toBe(1)
    second.end()
    await again
  })

  test('stays its own where a call is refused at once, or fails before it has begun', async () => {
    const { door, guard, permit } = setUp({ queue: { maxSize: 0 } })
    let pauses = 0
    const watched = {
      pause: () => void (pauses += 1),
      resume: () => permit.resume(),
    }
    const mistake = guard.run(
      () => {
        throw new Error('mistake')
      },
      { permit: watched },
    )
    await expect(mistake).rejects.toThrow('mistake')
    const blocker = work()
    const running = guard.run(() => blocker.promise)
    const refused = guard.run(async () => 'rows', { permit: watched })
    await expect(refused).rejects.toMatchObject({ code: 'SPW_ERR_LIMIT_EXCEEDED' })
    blocker.end()
    await running
    guard.breaker!.open()
    const open = guard.run(async () => 'rows', { permit: watched })
    await expect(open).rejects.toMatchObject({ code: 'SPW_ERR_CIRCUIT_OPEN' })
    expect(pauses).toBe(0)
    expect(door.inFlight).toBe(1)
  })

  test.each(['deadline', 'timeout', 'hang-up'] as const)(
    'is its own again when it leaves a call that goes on: %s',
    async (how) => {
      const { clock, door, guard, permit } = setUp({ timeoutMs: 100 })
      const { promise, end } = work()
      const controller = new AbortController()
      const deadlineMs = how === 'deadline' ? 50 : undefined
      const call = guard.run(() => promise, { permit, deadlineMs, signal: controller.signal })
      const left = expect(call).rejects.toThrow()
      if (how === 'hang-up') controller.abort()
      else clock.advance(100)
      await left
      expect(door.inFlight).toBe(1)
      end()
      await tick()
      expect(door.inFlight).toBe(1)
      expect(guard.stats().running).toBe(0)
    },
  )

  test('is others’ until the last of several calls side by side has ended', async () => {
    const { door, guard, permit } = setUp({ limit: fixedLimit(2) })
    const works = [work(), work(), work()]
    const calls = works.map(({ promise }) => guard.run(() => promise, { permit }))
    works[2]!.end()
    works[0]!.end()
    await tick()
    expect(door.inFlight).toBe(0)
    works[1]!.fail(new Error('row locked'))
    await Promise.allSettled(calls)
    expect(door.inFlight).toBe(1)
  })

  test('is left alone by a call within the call: that pauses nothing', async () => {
    const { door, guard, permit } = setUp()
    const other = createGuard({ name: 'other', limit: fixedLimit(1) })
    const { promise, end } = work()
    let inner: RunningCall | undefined
    const options = { permit, workload: 'GET /orders' }
    const outer = guard.run(
      (_, call) =>
        other.run((_signal, within) => {
          inner = within
          return promise
        }, call),
      options,
    )
    expect(door.inFlight).toBe(0)
    expect(guard.limiter.inFlight).toBe(1)
    expect(inner?.workload).toBe('GET /orders')
    end()
    await outer
    expect(door.inFlight).toBe(1)
  })

  test('lets the next one in only after the call that pauses it has begun', async () => {
    const { door, guard, permit } = setUp({ limit: fixedLimit(2) })
    const order: string[] = []
    const waiter = { admitted: () => void order.push('next'), refused: () => {} }
    door.admit(undefined, waiter)
    const call = guard.run(
      async () => {
        order.push('call')
      },
      { permit },
    )
    expect(order).toEqual(['call', 'next'])
    await call
    expect(door.inFlight).toBe(2)
  })
})

test('options are read once', async () => {
  const { guard } = setUp({ deadlineMs: 100 })
  const reads: string[] = []
  const options = new Proxy(
    {},
    {
      get: (_, key) => {
        reads.push(String(key))
      },
    },
  )
  await guard.run(async () => 'rows', options)
  expect(reads).toHaveLength(new Set(reads).size)
})

test('whatever becomes of its calls, a caller has its permit when all are answered', async () => {
  const ending = fc.constantFrom('end', 'fail', 'leave', 'expire')
  await fc.assert(
    fc.asyncProperty(fc.array(ending, { minLength: 1, maxLength: 8 }), async (endings) => {
      const { clock, door, guard, permit } = setUp({ limit: fixedLimit(2), queue: { maxSize: 3 } })
      const controllers = endings.map(() => new AbortController())
      const works = endings.map(work)
      const calls = works.map(({ promise }, index) =>
        guard.run(() => promise, { permit, deadlineMs: 500, signal: controllers[index]!.signal }),
      )
      const all = Promise.allSettled(calls)
      for (const [index, how] of endings.entries()) {
        if (how === 'end') works[index]!.end()
        else if (how === 'fail') works[index]!.fail(new Error('failed'))
        else if (how === 'leave') controllers[index]!.abort()
        await tick()
      }
      clock.advance(500)
      await all
      expect(door.inFlight).toBe(1)
      permit.release()
      for (const { end } of works) end()
      await tick()
      expect(door.inFlight + guard.limiter.inFlight).toBe(0)
    }),
    { numRuns: 200 },
  )
})
