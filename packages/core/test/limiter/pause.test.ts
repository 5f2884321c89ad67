import { createLimiter, fixedLimit } from '@spillway/core'
import type { Limiter, Mode, Permit, Sample, Waiter } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'

interface SetUp {
  readonly clock: ManualClock
  readonly limiter: Limiter
  readonly samples: readonly Sample[]
}

function setUp(mode: Mode = 'enforce'): SetUp {
  const clock = new ManualClock()
  const limit = new MovableLimit(1)
  const limiter = createLimiter({ name: 'door', limit: limit.factory, clock, mode })
  return { clock, limiter, samples: limit.samples }
}

function acquire(limiter: Limiter, waiter?: Waiter): Permit {
  const admission = limiter.admit(undefined, waiter)
  if (admission.kind !== 'permit') throw new Error(`no permit, but ${admission.kind}`)
  return admission
}

/** Somebody who waits, and the permit once it is there. */
function wait(limiter: Limiter): { permit: Permit | undefined } {
  const caller: { permit: Permit | undefined } = { permit: undefined }
  const waiter = { admitted: (permit: Permit) => void (caller.permit = permit), refused: () => {} }
  expect(limiter.admit(undefined, waiter).kind).toBe('waiting')
  return caller
}

describe('a paused permit', () => {
  test('lets the next one run, and takes its place again without asking', () => {
    const { limiter } = setUp()
    const first = acquire(limiter)
    const second = wait(limiter)
    first.pause()
    expect(second.permit).toBeDefined()
    expect(limiter.inFlight).toBe(1)
    first.resume()
    expect(limiter.inFlight).toBe(2)
    second.permit!.release()
    expect(limiter.tryAcquire()).toBeUndefined()
    first.release()
    expect(limiter.inFlight).toBe(0)
  })

  test('learns nothing from the pause: neither the limit nor the mean duration', () => {
    const { clock, limiter, samples } = setUp()
    const permit = acquire(limiter)
    clock.advance(3)
    permit.pause()
    clock.advance(500)
    expect(permit.pausedMs).toBe(500)
    permit.resume()
    clock.advance(4)
    permit.release()
    expect(samples.map(({ durationMs }) => durationMs)).toEqual([7])
    expect(permit).toMatchObject({ durationMs: 7, pausedMs: 500 })
    expect(limiter.stats().meanDurationMs).toBe(7)
  })

  test('goes on when the last of several pauses has ended', () => {
    const { clock, limiter } = setUp()
    const permit = acquire(limiter)
    permit.pause()
    clock.advance(10)
    permit.pause()
    permit.resume()
    clock.advance(10)
    expect(limiter.inFlight).toBe(0)
    permit.resume()
    expect(limiter.inFlight).toBe(1)
    permit.resume()
    expect(limiter.inFlight).toBe(1)
    expect(permit.pausedMs).toBe(20)
  })

  test('may be released in a pause, which ends with it', () => {
    const { clock, limiter } = setUp()
    const permit = acquire(limiter)
    clock.advance(2)
    permit.pause()
    clock.advance(50)
    permit.release()
    clock.advance(50)
    permit.resume()
    permit.pause()
    expect(permit).toMatchObject({ durationMs: 2, pausedMs: 50 })
    expect(limiter.inFlight).toBe(0)
    expect(limiter.stats().released.success).toBe(1)
  })

  test('may be resumed by the very one that its pause has let in', () => {
    const { clock, limiter } = setUp()
    const first = acquire(limiter)
    let second: Permit | undefined
    limiter.admit(undefined, {
      admitted: (permit) => {
        second = permit
        first.resume()
      },
      refused: () => {},
    })
    clock.advance(5)
    first.pause()
    clock.advance(5)
    expect(second).toBeDefined()
    expect(limiter.inFlight).toBe(2)
    first.release()
    expect(first).toMatchObject({ durationMs: 10, pausedMs: 0 })
  })

  test.each(['observe', 'off'] as const)('does not count while the mode is %s', (mode) => {
    const { clock, limiter } = setUp(mode)
    const permits = [acquire(limiter), acquire(limiter), acquire(limiter)]
    for (const permit of permits) permit.pause()
    expect(limiter.inFlight).toBe(0)
    clock.advance(20)
    for (const permit of permits) permit.resume()
    expect(limiter.inFlight).toBe(3)
    clock.advance(1)
    for (const permit of permits) permit.release()
    expect(permits.map(({ durationMs }) => durationMs)).toEqual([1, 1, 1])
    expect(limiter.inFlight).toBe(0)
  })

  test('while the limiter observes, a shadow takes the place that comes free', () => {
    const { limiter } = setUp('observe')
    const waiter = { admitted: () => {}, refused: () => {} }
    const first = acquire(limiter, waiter)
    const second = acquire(limiter, waiter)
    expect(limiter.queued).toBe(1)
    first.pause()
    expect(limiter.queued).toBe(0)
    second.pause()
    expect(limiter.inFlight).toBe(0)
    first.resume()
    second.resume()
    expect(limiter.inFlight).toBe(2)
    first.release()
    second.release()
    expect(limiter.inFlight).toBe(0)
  })
})

test('a hundred calls in one moment are not refused, although the ones before took no time', () => {
  const clock = new ManualClock()
  const limiter = createLimiter({ name: 'door', clock, limit: fixedLimit(2) })
  for (let call = 0; call < 50; call += 1) {
    const permit = acquire(limiter)
    permit.pause()
    clock.advance(10)
    permit.release()
  }
  let refused = 0
  let admitted = 0
  const waiter = {
    admitted: (permit: Permit) => {
      admitted += 1
      permit.release()
    },
    refused: () => void (refused += 1),
  }
  const running: Permit[] = []
  for (let call = 0; call < 100; call += 1) {
    const admission = limiter.admit({ deadlineMs: 1000 }, waiter)
    if (admission.kind === 'permit') running.push(admission)
    else if (admission.kind === 'refusal') refused += 1
  }
  for (const permit of running) permit.pause()
  expect({ refused, admitted: admitted + running.length }).toEqual({ refused: 0, admitted: 100 })
})
