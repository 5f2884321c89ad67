import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Permit, Waiter } from '@spillway/core'
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

  test('may throw: its permit is not lost, and the limiter goes on', () => {
    const limiter = setUp(1)
    const running = limiter.tryAcquire()
    let lost: Permit | undefined
    let next: Permit | undefined
    limiter.admit(
      undefined,
      waiter((permit) => {
        lost = permit
        throw new Error('in a waiter')
      }),
    )
    limiter.admit(
      undefined,
      waiter((permit) => {
        next = permit
      }),
    )
    expect(() => running?.release()).toThrow('in a waiter')
    expect(limiter.inFlight).toBe(1)
    lost?.release()
    expect(next).toBeDefined()
    next?.release()
    expect(limiter.inFlight).toBe(0)
  })
})
