import { fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { codeOf } from './code-of.ts'

const answer = async (): Promise<string> => 'row'
const silent = (): Promise<never> => new Promise(() => {})
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
}

function setUp(options: Partial<GuardOptions> = {}): { clock: ManualClock; guard: Guard } {
  const clock = new ManualClock()
  const breaker = { random: () => 0 }
  return { clock, guard: createGuard({ name: 'db', clock, breaker, ...options }) }
}

const call = (guard: Guard, work: () => Promise<unknown>): Promise<unknown> =>
  codeOf(guard.run(work, { deadlineMs: 400 }))

/** So many calls a second of which all are answered at once, for two seconds. */
async function healthy(guard: Guard, clock: ManualClock, perSecond: number): Promise<void> {
  for (let asked = 0; asked < 2 * perSecond; asked += 1) {
    await call(guard, answer)
    clock.advance(1000 / perSecond)
  }
}

/** Milliseconds of silence until the circuit opened; what became of everybody who asked meanwhile. */
async function silence(
  guard: Guard,
  clock: ManualClock,
  perSecond: number,
): Promise<{ cutOffMs: number; codes: unknown[] }> {
  const from = clock.now()
  const codes: Promise<unknown>[] = []
  while (guard.breaker!.state === 'closed' && clock.now() - from < 5000) {
    codes.push(call(guard, silent))
    clock.advance(1000 / perSecond)
    await turns()
  }
  const cutOffMs = clock.now() - from
  clock.advance(400)
  return { cutOffMs, codes: await Promise.all(codes) }
}

describe('a downstream that has gone silent', () => {
  test.each([
    ['the adaptive limit', {}, 50],
    ['the adaptive limit', {}, 200],
    ['the adaptive limit', {}, 1000],
    ['a limit of 4', { limit: fixedLimit(4) }, 200],
    ['a limit of 100', { limit: fixedLimit(100) }, 1000],
  ])('is cut off within a second under %s', async (_name, options, perSecond) => {
    const { clock, guard } = setUp(options)
    await healthy(guard, clock, perSecond)
    const { cutOffMs } = await silence(guard, clock, perSecond)
    expect(cutOffMs).toBeLessThanOrEqual(1000)
    // A stall of the length of a deadline is none yet.
    expect(cutOffMs).toBeGreaterThan(400)
  })

  test('is cut off when every permit was taken before the last answer', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(10) })
    let answerOne!: (row: string) => void
    const one = call(guard, () => new Promise<string>((resolve) => (answerOne = resolve)))
    const hung = Array.from({ length: 9 }, () => call(guard, silent))
    clock.advance(100)
    answerOne('row')
    await one
    const { cutOffMs } = await silence(guard, clock, 100)
    expect(cutOffMs).toBeLessThanOrEqual(1000)
    await Promise.all(hung)
  })

  test('is not waited for: the queue is empty as soon as the circuit has opened', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(4) })
    await healthy(guard, clock, 200)
    const { codes } = await silence(guard, clock, 200)
    expect(guard.stats()).toMatchObject({ queued: 0, running: 4, abandoned: 4 })
    expect(codes.filter((code) => code === 'SPW_ERR_CIRCUIT_OPEN').length).toBeGreaterThan(10)
  })

  test('is not waited for behind what hangs when the open time is over, either', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(4) })
    await healthy(guard, clock, 200)
    await silence(guard, clock, 200)
    clock.advance(1000)
    expect(guard.breaker?.state).toBe('half_open')
    await expect(guard.run(answer)).rejects.toMatchObject({ code: 'SPW_ERR_LIMIT_EXCEEDED' })
    expect(guard.stats().queued).toBe(0)
  })
})

test('those who waited are told when the downstream will be asked again', async () => {
  const { guard } = setUp({ limit: fixedLimit(1) })
  void codeOf(guard.run(silent))
  const waiting = guard.run(answer).catch((error: unknown) => error)
  guard.breaker!.open()
  expect(await waiting).toMatchObject({
    code: 'SPW_ERR_CIRCUIT_OPEN',
    reason: 'open',
    retryAfterMs: 800,
  })
})

test('one answer among those that hang is no silence', async () => {
  const { clock, guard } = setUp({ limit: fixedLimit(8) })
  for (let round = 0; round < 30; round += 1) {
    const hung = Array.from({ length: 7 }, () =>
      codeOf(
        guard.run(
          (signal) =>
            new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason))
            }),
          { deadlineMs: 400 },
        ),
      ),
    )
    clock.advance(200)
    expect(await guard.run(answer)).toBe('row')
    clock.advance(200)
    await Promise.all(hung)
    await turns()
  }
  expect(guard.stats().breaker).toMatchObject({ state: 'closed', opened: 0 })
})

test('a circuit that is never to open for failures does not open for silence', async () => {
  const { clock, guard } = setUp({ breaker: { failureRatio: 1 }, limit: fixedLimit(4) })
  const { cutOffMs } = await silence(guard, clock, 100)
  expect(cutOffMs).toBe(5000)
})

test('calls that ran out of time with nothing asked in between are no silence', async () => {
  const { clock, guard } = setUp()
  for (let hour = 0; hour < 5; hour += 1) {
    const late = call(guard, silent)
    clock.advance(400)
    expect(await late).toBe('SPW_ERR_CALL_TIMEOUT')
    clock.advance(3_600_000)
  }
  expect(await guard.run(answer)).toBe('row')
  expect(guard.stats().breaker).toMatchObject({ state: 'closed', opened: 0 })
})
