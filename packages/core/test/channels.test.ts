import { channels, createLimiter, fixedLimit } from '@spillway/core'
import type { LimitChanged, LimiterRefused } from '@spillway/core'
import { ManualClock, MovableLimit } from '@spillway/test-support'
import { afterEach, describe, expect, test } from 'vitest'

const heard: unknown[] = []
const listen = (message: unknown): void => {
  heard.push(message)
}

afterEach(() => {
  channels.limiterRefused.unsubscribe(listen)
  channels.limitChanged.unsubscribe(listen)
  heard.length = 0
})

/** Raised by ten for an experiment. */
class ProbingLimit extends MovableLimit {
  questions = 0

  override at(): number {
    this.questions += 1
    return this.current + 10
  }
}

/** A limit that grows by one with each call. */
class GrowingLimit extends MovableLimit {
  override onSample(): void {
    this.current += 1
  }
}

describe('channels', () => {
  test('are named after the project', () => {
    expect(Object.values(channels).map(({ name }) => name)).toEqual([
      'spillway.limiter.refused',
      'spillway.limit.changed',
      'spillway.shedder.refused',
    ])
  })

  test('tell of each refusal which limiter it was and how it stood', () => {
    channels.limiterRefused.subscribe(listen)
    const clock = new ManualClock()
    const limiter = createLimiter({ name: 'db', limit: fixedLimit(1), clock })
    limiter.tryAcquire()
    limiter.tryAcquire({ priority: 'high' })
    limiter.admit({ priority: 'low' }, { admitted: () => undefined, refused: () => undefined })
    clock.advance(1000)
    const state = { limiter: 'db', limit: 1, inFlight: 1, queued: 0, enforced: true }
    expect(heard).toEqual([
      { ...state, priority: 'high', reason: 'limit' },
      { ...state, priority: 'low', reason: 'waited' },
    ] satisfies LimiterRefused[])
  })

  test('tell of the settled limit, and listening moves nothing on', () => {
    const questions = [false, true].map((isHeard) => {
      if (isHeard) channels.limiterRefused.subscribe(listen)
      const limit = new ProbingLimit(3)
      const limiter = createLimiter({ name: 'db', limit: limit.factory })
      limiter.close()
      limiter.tryAcquire()
      return limit.questions
    })
    expect(heard).toMatchObject([{ limit: 3, reason: 'closed' }])
    expect(questions[1]).toBe(questions[0])
  })

  test('tell when the limit moved, from where to where and why', () => {
    channels.limitChanged.subscribe(listen)
    const limit = new GrowingLimit(3).factory
    createLimiter({ name: 'db', limit }).tryAcquire()?.release()
    createLimiter({ name: 'other', limit: fixedLimit(1) })
      .tryAcquire()
      ?.release()
    expect(heard).toEqual([
      { limiter: 'db', from: 3, to: 4, reason: 'moved' },
    ] satisfies LimitChanged[])
  })

  test('are silent for those who do not listen', () => {
    const limiter = createLimiter({ name: 'db', limit: fixedLimit(1) })
    limiter.tryAcquire()
    limiter.tryAcquire()
    expect(heard).toEqual([])
  })
})
