import { createLimiter, createRetry, fixedLimit, modes } from '@spillway/core'
import type { AcquireOptions, Limiter, Mode, Waiter } from '@spillway/core'
import {
  allCallOptions,
  badAcquireOptions,
  badCallOptions,
  ManualClock,
  unknownCallOptions,
} from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

const nobody: Waiter = { admitted: () => undefined, refused: () => undefined }

function setUp(mode: Mode): { clock: ManualClock; limiter: Limiter } {
  const clock = new ManualClock()
  return { clock, limiter: createLimiter({ name: 'db', limit: fixedLimit(1), clock, mode }) }
}

const ofLimiters = [
  ...badAcquireOptions,
  {
    what: 'maxWaitMs: text',
    options: { maxWaitMs: '20' },
    message: 'Expected `maxWaitMs` to be a number of milliseconds, got "20" (string)',
  },
  {
    what: 'mayExceed: a truth',
    options: { mayExceed: true },
    message: 'Expected `mayExceed` to be a function, got true (boolean)',
  },
]

describe.each(modes.map((mode) => ({ mode })))('a limiter in mode $mode', ({ mode }) => {
  test.each(ofLimiters)('says what is wrong, and keeps nothing of it: $what', async (bad) => {
    const options = bad.options as AcquireOptions
    for (const running of [0, 1]) {
      const { clock, limiter } = setUp(mode)
      const permits = Array.from({ length: running }, () => limiter.tryAcquire()!)
      const before = limiter.stats()
      expect(() => limiter.admit(options, nobody)).toThrow(bad.message)
      expect(() => limiter.tryAcquire(options)).toThrow(bad.message)
      expect(() => limiter.wouldRefuse(options)).toThrow(bad.message)
      expect(() => limiter.check(options)).toThrow(bad.message)
      await expect(limiter.acquire(options)).rejects.toThrow(bad.message)
      await expect(limiter.run(() => 1, options)).rejects.toThrow(bad.message)
      clock.advance(10_000)
      expect(limiter.stats()).toEqual(before)
      for (const permit of permits) permit.release()
      expect(limiter.inFlight).toBe(0)
    }
  })
})

test.each(unknownCallOptions)('whoever asks a limiter is told of $what', async (bad) => {
  const { limiter } = setUp('enforce')
  const options = bad.options as AcquireOptions
  expect(() => limiter.tryAcquire(options)).toThrow(bad.message)
  await expect(limiter.acquire(options)).rejects.toThrow(bad.message)
  await expect(limiter.run(() => 1, options)).rejects.toThrow(bad.message)
  expect(limiter.stats()).toMatchObject({ inFlight: 0, queued: 0 })
})

test('what a guard or a retry is told may be told to a limiter, and the other way round', async () => {
  const { limiter } = setUp('enforce')
  expect(await limiter.run(() => 'rows', allCallOptions)).toBe('rows')
  expect(await createRetry().run(async () => 'rows', allCallOptions)).toBe('rows')
})

test.each([undefined, 5, {}, Promise.resolve(1)])('work that is no function: %s', async (work) => {
  const { limiter } = setUp('enforce')
  const before = limiter.stats()
  await expect(limiter.run(work as never)).rejects.toThrow('Expected `work` to be a function')
  expect(limiter.stats()).toEqual(before)
})

test.each(['yes', 1, null])('retries say what is wrong with idempotent: %j', async (idempotent) => {
  const options = { idempotent: idempotent as never }
  expect(() => createRetry(options)).toThrow('Expected `idempotent` to be true or false')
  const work = async (): Promise<number> => 1
  await expect(createRetry().run(work, options)).rejects.toThrow('`idempotent`')
})

test.each([...badCallOptions, ...unknownCallOptions])(
  'retries say what is wrong, and do nothing: $what',
  async (bad) => {
    const retry = createRetry()
    let attempts = 0
    const work = async (): Promise<void> => {
      attempts += 1
    }
    await expect(retry.run(work, bad.options as never)).rejects.toThrow(bad.message)
    expect(attempts).toBe(0)
  },
)

test('signals of other makers will do', () => {
  const { limiter } = setUp('enforce')
  const listeners = new Set<unknown>()
  const signal = {
    aborted: false,
    addEventListener: (_type: string, listener: unknown) => listeners.add(listener),
    removeEventListener: (_type: string, listener: unknown) => listeners.delete(listener),
  } as unknown as AbortSignal
  limiter.tryAcquire()
  limiter.admit({ signal }, nobody)
  expect(listeners.size).toBe(1)
  limiter.close()
  expect(listeners.size).toBe(0)
})
