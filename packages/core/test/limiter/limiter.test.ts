import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Permit, Refusal, Waiter } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

function setUp(limit = 1, queue = {}): { clock: ManualClock; limiter: Limiter } {
  const clock = new ManualClock()
  return { clock, limiter: createLimiter({ name: 'db', limit: fixedLimit(limit), queue, clock }) }
}

class Recorder implements Waiter {
  permit: Permit | undefined
  refusal: Refusal | undefined
  admitted(permit: Permit): void {
    this.permit = permit
  }
  refused(refusal: Refusal): void {
    this.refusal = refusal
  }
}

describe('a limiter', () => {
  test('admits up to its limit and not one more', () => {
    const { limiter } = setUp(2)
    const first = limiter.tryAcquire()
    expect(limiter.tryAcquire()).toBeDefined()
    expect(limiter.tryAcquire()).toBeUndefined()
    expect(limiter.inFlight).toBe(2)
    first?.release()
    expect(limiter.tryAcquire()).toBeDefined()
  })

  test('takes a permit back once', () => {
    const { limiter } = setUp(2)
    const permit = limiter.tryAcquire()
    permit?.release()
    permit?.release('dropped')
    expect(limiter.inFlight).toBe(0)
    expect(limiter.stats().released).toEqual({ success: 1, dropped: 0, ignored: 0 })
  })

  test('hands a released permit to the most important who waits', () => {
    const { limiter } = setUp(1)
    const running = limiter.tryAcquire()
    const low = new Recorder()
    const critical = new Recorder()
    limiter.admit({ priority: 'low' }, low)
    limiter.admit({ priority: 'critical' }, critical)
    running?.release()
    expect(critical.permit?.priority).toBe('critical')
    expect(low.permit).toBeUndefined()
    critical.permit?.release()
    expect(low.permit).toBeDefined()
  })

  test('refuses who has waited as long as it may, at that time', () => {
    const { clock, limiter } = setUp(1, { maxWaitMs: 100 })
    limiter.tryAcquire()
    const waiter = new Recorder()
    limiter.admit(undefined, waiter)
    clock.advance(99)
    expect(waiter.refusal).toBeUndefined()
    clock.advance(1)
    expect(waiter.refusal?.code).toBe('SPW_ERR_QUEUE_TIMEOUT')
    expect(clock.pendingTimers).toBe(0)
  })

  test('lets a caller leave the queue', async () => {
    const { clock, limiter } = setUp(1)
    limiter.tryAcquire()
    const controller = new AbortController()
    const permit = limiter.acquire({ signal: controller.signal })
    expect(limiter.queued).toBe(1)
    controller.abort()
    await expect(permit).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED' })
    expect(limiter.queued).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  test('refuses at once who would wait longer than it may', () => {
    const { clock, limiter } = setUp(1)
    const first = limiter.tryAcquire()
    clock.advance(400)
    first?.release()
    limiter.tryAcquire()
    limiter.admit(undefined, new Recorder())
    expect(limiter.admit(undefined, new Recorder())).toMatchObject({
      kind: 'refusal',
      reason: 'estimated_wait',
    })
  })

  test('serves partitions in turn', () => {
    const { limiter } = setUp(1)
    const running = limiter.tryAcquire()
    const noisy = [new Recorder(), new Recorder(), new Recorder()]
    for (const waiter of noisy) limiter.admit({ partition: 'noisy' }, waiter)
    const quiet = new Recorder()
    limiter.admit({ partition: 'quiet' }, quiet)
    running?.release()
    noisy[0]?.permit?.release()
    expect(quiet.permit).toBeDefined()
  })
})
