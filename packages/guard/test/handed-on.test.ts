import { fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'
import type { CallOptions, Guard, RunningCall } from '../src/index.ts'
import { createGuard } from '../src/index.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Keeps everybody waiting for so long. */
function occupy(guard: Guard, clock: ManualClock, ms: number): void {
  void guard.run(() => new Promise<void>((resolve) => clock.setTimer(resolve, ms)))
}

async function advance(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    clock.advance(1)
    await tick()
  }
}

/** What the work within guards that each keep it waiting is told, and when its caller is answered. */
async function nest(
  waits: readonly number[],
  options: CallOptions,
): Promise<{
  seen: RunningCall
  leftMs: number
  callerLeftMs: number | undefined
  endedAt: number
}> {
  const clock = new ManualClock()
  const guards = waits.map((ms, index) => {
    const guard = createGuard({ name: `guard-${index}`, clock, limit: fixedLimit(1) })
    occupy(guard, clock, ms)
    return guard
  })
  let seen!: RunningCall
  let [leftMs, callerLeftMs]: (number | undefined)[] = []
  const innermost = (_: AbortSignal, call: RunningCall): Promise<never> => {
    seen = call
    leftMs = call.deadlineMs
    callerLeftMs = call.callerDeadlineMs
    return new Promise(() => {})
  }
  const work = guards
    .slice(1)
    .reduceRight<(signal: AbortSignal, call: RunningCall) => Promise<never>>(
      (inner, guard) => (_, call) => {
        // Their turn to wait begins now.
        return guard.run(inner, call)
      },
      innermost,
    )
  let endedAt = -1
  const call = guards[0]!.run(work, options).catch(() => {
    endedAt = clock.now()
  })
  await advance(clock, 2000)
  await call
  return { seen, leftMs: leftMs!, callerLeftMs, endedAt }
}

test.each([
  { title: 'one guard', waits: [100], startedAt: 100 },
  { title: 'a guard within a guard', waits: [100, 250], startedAt: 250 },
  { title: 'three of them', waits: [50, 150, 300], startedAt: 300 },
])('what waits have left is handed on, once: $title', async ({ waits, startedAt }) => {
  const { leftMs, callerLeftMs, endedAt } = await nest(waits, { deadlineMs: 900 })
  expect(leftMs).toBe(900 - startedAt)
  expect(callerLeftMs).toBeUndefined()
  expect(endedAt).toBe(900)
})

test('so is what a stranger has left, and both', async () => {
  const { leftMs, callerLeftMs, endedAt } = await nest([100, 250], {
    deadlineMs: 900,
    callerDeadlineMs: 700,
  })
  expect([leftMs, callerLeftMs, endedAt]).toEqual([650, 450, 700])
})

test('the timeout of each guard counts from its own start', async () => {
  const clock = new ManualClock()
  const outer = createGuard({ name: 'outer', clock, timeoutMs: 800 })
  const inner = createGuard({ name: 'inner', clock, timeoutMs: 300 })
  const call = outer.run(
    async (_, running) => {
      clock.advance(600)
      return inner.run(async (_signal, { deadlineMs }) => deadlineMs, running)
    },
    { deadlineMs: 10_000 },
  )
  expect(await call).toBe(200)
})

test('with one thing said otherwise, the rest of a call is handed on as it is', async () => {
  const clock = new ManualClock()
  const [outer, inner] = ['outer', 'inner'].map((name) => createGuard({ name, clock })) as [
    Guard,
    Guard,
  ]
  const seen = await outer.run(
    async (signal, call) => {
      clock.advance(100)
      return inner.run(
        async (_, { deadlineMs, callerDeadlineMs, priority, workload }) => {
          return {
            deadlineMs,
            callerDeadlineMs,
            priority,
            workload,
            isSame: call.signal === signal,
          }
        },
        { ...call, workload: 'rows' },
      )
    },
    { deadlineMs: 900, callerDeadlineMs: 700, priority: 'high', workload: 'page' },
  )
  expect(seen).toEqual({
    deadlineMs: 800,
    callerDeadlineMs: 600,
    priority: 'high',
    workload: 'rows',
    isSame: true,
  })
})

test('options with getters of anybody’s are read once, when the guard is asked', async () => {
  const clock = new ManualClock()
  const guard = createGuard({ name: 'db', clock, limit: fixedLimit(1) })
  occupy(guard, clock, 100)
  let reads = 0
  const call = guard.run(async (_, { deadlineMs }) => deadlineMs, {
    get deadlineMs() {
      reads += 1
      return 500 - clock.now()
    },
  })
  clock.advance(100)
  expect(await call).toBe(400)
  expect(reads).toBe(1)
})
