import { channels, createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Permit, Refusal, Waiter } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

function setUp(limit: number, maxSize = 1000): Limiter {
  const clock = new ManualClock()
  return createLimiter({ name: 'db', limit: fixedLimit(limit), queue: { maxSize }, clock })
}

function waiter(admitted: (permit: Permit) => void): Waiter {
  return { admitted, refused: () => expect.unreachable('refused') }
}

describe('a waiter that acts at once when it is told', () => {
  test('may release: a long queue of such waiters is served without recursion', () => {
    const calls = 50_000
    const limiter = setUp(1, calls)
    const running = limiter.tryAcquire()
    let served = 0
    let depth = 0
    let deepest = 0
    for (let call = 0; call < calls; call += 1) {
      limiter.admit(
        undefined,
        waiter((permit) => {
          depth += 1
          deepest = Math.max(deepest, depth)
          served += 1
          permit.release()
          depth -= 1
        }),
      )
    }
    running?.release()
    expect({ served, deepest }).toEqual({ served: calls, deepest: 1 })
    expect(limiter.inFlight).toBe(0)
  })

  test('may ask again: it waits behind those who wait, and is told after `admit` has returned', () => {
    const limiter = setUp(1)
    const running = limiter.tryAcquire()
    const order: string[] = []
    limiter.admit(
      undefined,
      waiter((permit) => {
        order.push('first')
        const again = limiter.admit(
          undefined,
          waiter((second) => {
            order.push('first again')
            second.release()
          }),
        )
        order.push(again.kind)
        permit.release()
        order.push('released')
      }),
    )
    limiter.admit(
      undefined,
      waiter((permit) => {
        order.push('second')
        permit.release()
      }),
    )
    running?.release()
    expect(order).toEqual(['first', 'waiting', 'released', 'second', 'first again'])
    expect(limiter.inFlight).toBe(0)
  })

  test('may close the limiter: nobody else is admitted', () => {
    const limiter = setUp(2)
    const running = [limiter.tryAcquire(), limiter.tryAcquire()]
    const refusals: string[] = []
    limiter.admit(
      undefined,
      waiter(() => {
        limiter.close()
      }),
    )
    for (let call = 0; call < 3; call += 1) {
      limiter.admit(undefined, {
        admitted: () => expect.unreachable('admitted'),
        refused: ({ reason }) => refusals.push(reason),
      })
    }
    for (const permit of running) permit?.release()
    expect(refusals).toEqual(['closed', 'closed', 'closed'])
    expect(limiter.inFlight).toBe(1)
  })
})

const nobody: Waiter = { admitted: () => undefined, refused: () => undefined }

/** Lets those who were pushed out of the queue know. */
const breathe = (): Promise<void> => Promise.resolve()

describe('a waiter that acts at once when it is pushed out of a full queue', () => {
  test('is told after the call that took its place has its answer, without any timer', async () => {
    const limiter = setUp(1, 1)
    limiter.tryAcquire()
    const order: string[] = []
    const refused = (refusal: Refusal): void => {
      order.push(refusal.reason)
    }
    limiter.admit({ priority: 'low' }, { ...nobody, refused })
    order.push(limiter.admit({ priority: 'critical' }, nobody).kind)
    await breathe()
    expect(limiter.stats().refused.low.evicted).toBe(1)
    expect(order).toEqual(['waiting', 'evicted'])
  })

  test('may ask again, several times: the queue stays within its size', async () => {
    const limiter = setUp(1, 1)
    limiter.tryAcquire()
    const again: string[] = []
    const refused = (): void => {
      for (const priority of ['low', 'critical', 'critical'] as const) {
        again.push(limiter.admit({ priority }, nobody).kind)
        expect(limiter.queued).toBe(1)
      }
    }
    limiter.admit({ priority: 'low' }, { ...nobody, refused })
    limiter.admit({ priority: 'high' }, nobody)
    await breathe()
    expect(again).toEqual(['refusal', 'waiting', 'refusal'])
    expect(limiter.queued).toBe(1)
  })

  test('may release the last permit: whoever took its place gets it', async () => {
    const limiter = setUp(1, 1)
    const running = limiter.tryAcquire()
    limiter.admit({ priority: 'low' }, { ...nobody, refused: () => running?.release() })
    const permit = await limiter.acquire({ priority: 'critical' })
    expect(limiter).toMatchObject({ inFlight: 1, queued: 0 })
    permit.release()
    expect(limiter.inFlight).toBe(0)
  })

  test('may abort the call that took its place: it is cancelled and nobody is left', async () => {
    const limiter = setUp(1, 1)
    limiter.tryAcquire()
    const controller = new AbortController()
    const refused = (): void => {
      controller.abort()
    }
    limiter.admit({ priority: 'low' }, { ...nobody, refused })
    const answer = limiter.acquire({ priority: 'critical', signal: controller.signal })
    await expect(answer).rejects.toMatchObject({ reason: 'cancelled' })
    expect(limiter.queued).toBe(0)
  })
})

test('who hears of an eviction may release the last permit: it is not lost', async () => {
  const limiter = setUp(1, 1)
  const running = limiter.tryAcquire()
  limiter.admit({ priority: 'low' }, nobody)
  const onRefused = (): void => {
    running?.release()
  }
  channels.limiterRefused.subscribe(onRefused)
  try {
    const permit = await limiter.acquire({ priority: 'critical' })
    expect(permit.priority).toBe('critical')
  } finally {
    channels.limiterRefused.unsubscribe(onRefused)
  }
  expect(limiter).toMatchObject({ inFlight: 1, queued: 0 })
})

describe('a waiter that acts at once when the limiter closes', () => {
  test('may release a permit: nobody else gets it', () => {
    const limiter = setUp(1, 10)
    const running = limiter.tryAcquire()
    const told: string[] = []
    const tell: Waiter = {
      admitted: () => told.push('admitted'),
      refused: ({ reason }) => told.push(reason),
    }
    limiter.admit(undefined, {
      ...tell,
      refused: (refusal) => {
        tell.refused(refusal)
        running?.release()
      },
    })
    limiter.admit(undefined, tell)
    limiter.close()
    expect(told).toEqual(['closed', 'closed'])
  })
})
