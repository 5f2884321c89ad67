import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Waiter } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

const nobody: Waiter = { admitted: () => undefined, refused: () => undefined }

function setUp(limit = 1, queue = {}): { clock: ManualClock; limiter: Limiter } {
  const clock = new ManualClock()
  return { clock, limiter: createLimiter({ name: 'db', limit: fixedLimit(limit), queue, clock }) }
}

/** Teaches the limiter what a call takes, and leaves one running. */
function saturate({ clock, limiter }: { clock: ManualClock; limiter: Limiter }, ms: number): void {
  const first = limiter.tryAcquire()
  clock.advance(ms)
  first?.release()
  limiter.tryAcquire()
}

describe('run', () => {
  test('gives back what the work gives, and counts it a success', async () => {
    const { limiter } = setUp()
    const result = await limiter.run((permit) => `${permit.priority} ${limiter.inFlight}`, {
      priority: 'high',
    })
    expect(result).toBe('high 1')
    expect(limiter.inFlight).toBe(0)
    expect(limiter.stats().released.success).toBe(1)
  })

  test('throws what the work throws, and counts it as evidence of nothing', async () => {
    const { limiter } = setUp()
    const failure = new Error('no rows')
    await expect(limiter.run(() => Promise.reject(failure))).rejects.toBe(failure)
    await expect(
      limiter.run(() => {
        throw failure
      }),
    ).rejects.toBe(failure)
    expect(limiter.inFlight).toBe(0)
    expect(limiter.stats().released).toEqual({ success: 0, dropped: 0, ignored: 2 })
  })

  test('keeps what the work itself said of its end', async () => {
    const { limiter } = setUp()
    await limiter.run((permit) => {
      permit.release('dropped')
    })
    expect(limiter.stats().released).toEqual({ success: 0, dropped: 1, ignored: 0 })
  })

  test('rejects, and never throws, when it is refused', async () => {
    const { limiter } = setUp()
    limiter.close()
    const answer = limiter.run(() => expect.unreachable('ran'))
    await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CLOSED' })
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'SPW_ERR_CLOSED' })
  })

  test('waits for its permit', async () => {
    const { limiter } = setUp()
    const running = limiter.tryAcquire()
    const answer = limiter.run((permit) => permit.waitedMs)
    expect(limiter.queued).toBe(1)
    running?.release()
    expect(await answer).toBe(0)
  })
})

describe('a door in front', () => {
  test('lets in while there is room, and asks for nothing', () => {
    const { limiter } = setUp()
    const before = limiter.stats()
    expect(limiter.wouldRefuse()).toBeUndefined()
    expect(limiter.stats()).toEqual(before)
  })

  test.each([
    [{ deadlineMs: 0 }, 'deadline'],
    [{ deadlineMs: -5 }, 'deadline'],
    [{ deadlineMs: NaN }, 'deadline'],
    [{ signal: AbortSignal.abort() }, 'cancelled'],
  ])('%# is shut to those who cannot be served, room or not', (options, reason) => {
    const { limiter } = setUp()
    expect(limiter.wouldRefuse(options)).toMatchObject({ reason, retryAfterMs: 0 })
    expect(limiter.admit(options, nobody)).toMatchObject({ kind: 'refusal', reason })
  })

  test('is shut once the limiter is closed', () => {
    const { limiter } = setUp()
    limiter.close()
    expect(limiter.wouldRefuse()?.code).toBe('SPW_ERR_CLOSED')
  })

  test('says what `admit` then says to those who would wait too long', () => {
    const world = setUp()
    saturate(world, 400)
    world.limiter.admit(undefined, nobody)
    for (const options of [{}, { deadlineMs: 300 }, { maxWaitMs: 100 }, { deadlineMs: 5000 }]) {
      const said = world.limiter.wouldRefuse(options)?.reason
      const { queued } = world.limiter
      const answer = world.limiter.admit(options, nobody)
      expect(answer.kind === 'refusal' ? answer.reason : undefined).toBe(said)
      if (answer.kind === 'waiting') answer.cancel()
      expect(world.limiter.queued).toBe(queued)
    }
  })

  test('is shut by a full queue, except for the more important', () => {
    const { limiter } = setUp(1, { maxSize: 1 })
    limiter.tryAcquire()
    limiter.admit({ priority: 'default' }, nobody)
    expect(limiter.wouldRefuse({ priority: 'low' })?.reason).toBe('limit')
    expect(limiter.wouldRefuse({ priority: 'default' })?.reason).toBe('limit')
    expect(limiter.wouldRefuse({ priority: 'high' })).toBeUndefined()
  })
})

describe('stats', () => {
  test('are a snapshot that does not move', () => {
    const { limiter } = setUp()
    const before = limiter.stats()
    limiter.tryAcquire()
    limiter.tryAcquire()
    expect(before).toMatchObject({ inFlight: 0, admitted: { default: 0 } })
    expect(limiter.stats()).toMatchObject({
      algorithm: 'fixed',
      limitReason: 'fixed',
      inFlight: 1,
      admitted: { default: 1 },
      refused: { default: { limit: 1 } },
    })
  })

  test('estimate the wait by what calls take and how many are ahead', () => {
    const world = setUp()
    expect(world.limiter.stats().estimatedWaitMs).toBe(0)
    saturate(world, 100)
    expect(world.limiter.stats()).toMatchObject({ meanDurationMs: 100, estimatedWaitMs: 100 })
    world.limiter.admit(undefined, nobody)
    expect(world.limiter.stats().estimatedWaitMs).toBe(200)
  })
})

describe('a retry', () => {
  test('is advised after the backlog has drained', () => {
    const world = setUp()
    saturate(world, 100)
    for (let call = 0; call < 3; call += 1) world.limiter.admit({ deadlineMs: 10_000 }, nobody)
    const answer = world.limiter.admit({ maxWaitMs: 10 }, nobody)
    expect(answer).toMatchObject({ kind: 'refusal', retryAfterMs: 400 })
  })
})

test('a limit that went up is seen by the next who asks', () => {
  const limit = new MovableLimit(1)
  const limiter = createLimiter({ name: 'db', limit: limit.factory, clock: new ManualClock() })
  limiter.tryAcquire()
  limiter.admit(undefined, nobody)
  limit.current = 3
  expect(limiter.limit).toBe(3)
  expect(limiter.tryAcquire()).toBeDefined()
  expect(limiter).toMatchObject({ inFlight: 3, queued: 0 })
})
