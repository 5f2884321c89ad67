import { getEventListeners } from 'node:events'
import { callerDeadline, SpillwayError } from '@spillway/core'
import { describe, expect, test } from 'vitest'
import type { CallOptions } from '../src/breaker.ts'
import { expiryOutcome } from '../src/call.ts'
import { call, defer, down, makeWorld, pass, trip } from './world.ts'

const forever = (): Promise<never> => new Promise(() => {})

describe('a call', () => {
  test('gives what the work gives, and counts', async () => {
    const { breaker, clock } = makeWorld()
    await expect(breaker.run(async () => 7)).resolves.toBe(7)
    const error = down()
    await expect(breaker.run(() => Promise.reject(error))).rejects.toBe(error)
    expect(breaker.stats()).toMatchObject({ successes: 1, failures: 1, inFlight: 0 })
    expect(clock.pendingTimers).toBe(0)
  })

  test('may throw before it awaits anything, and that counts like a rejection', async () => {
    const { breaker } = makeWorld()
    const throws = (error: Error) => (): Promise<void> => {
      throw error
    }
    await expect(breaker.run(throws(down()))).rejects.toThrow('down')
    await expect(breaker.run(throws(new TypeError('ours')))).rejects.toThrow('ours')
    expect(breaker.stats()).toMatchObject({ failures: 1, successes: 1 })
  })

  test.each([
    ['the deadline of the request', new SpillwayError('SPW_ERR_DEADLINE')],
    ['the platform’s timeout', new DOMException('x', 'TimeoutError')],
    ['the timeout of a call around it', new SpillwayError('SPW_ERR_CALL_TIMEOUT')],
  ])(
    'whose signal aborts by %s has timed out, and its caller has not hung up',
    async (_name, reason) => {
      const { breaker, clock } = makeWorld()
      const askUntil = async (ms: number): Promise<unknown> => {
        const request = new AbortController()
        const signal = AbortSignal.any([new AbortController().signal, request.signal])
        const answer = breaker.run(forever, { signal }).catch((error) => error)
        clock.advance(ms)
        request.abort(reason)
        return answer
      }
      expect(await askUntil(400)).toMatchObject({
        code: 'SPW_ERR_CALL_TIMEOUT',
        statusCode: 504,
        reason: 'deadline',
        cause: reason,
      })
      expect(breaker.stats()).toMatchObject({ timeouts: 1, ignored: 0 })
      // Less than a downstream is to be judged by.
      await askUntil(50)
      expect(breaker.stats()).toMatchObject({ timeouts: 1, ignored: 1 })
      for (let more = 0; more < 9; more += 1) await askUntil(100)
      expect(breaker.state).toBe('open')
      await expect(
        breaker.run(forever, { signal: AbortSignal.abort(reason) }),
      ).rejects.toMatchObject({
        code: 'SPW_ERR_DEADLINE',
        cause: reason,
      })
    },
  )

  test('is not started while the circuit is open', async () => {
    const world = makeWorld()
    trip(world)
    let isStarted = false
    const answer = world.breaker.run(async () => {
      isStarted = true
    })
    await expect(answer).rejects.toMatchObject({
      code: 'SPW_ERR_CIRCUIT_OPEN',
      statusCode: 503,
      reason: 'open',
      retryAfterMs: 250,
    })
    expect(isStarted).toBe(false)
  })

  test('is not started for a caller that has left or is out of time, and counts for nothing', async () => {
    const { breaker } = makeWorld()
    const cause = new Error('bye')
    const signal = AbortSignal.abort(cause)
    await expect(breaker.run(forever, { signal })).rejects.toMatchObject({
      code: 'SPW_ERR_CANCELLED',
      cause,
    })
    for (const deadlineMs of [0, -5, Number.NaN]) {
      await expect(breaker.run(forever, { deadlineMs })).rejects.toMatchObject({
        code: 'SPW_ERR_DEADLINE',
        statusCode: 503,
      })
    }
    expect(breaker.stats()).toMatchObject({ inFlight: 0, ignored: 0, refused: 0 })
  })

  test('must be a function', async () => {
    const { breaker } = makeWorld()
    await expect(breaker.run(1 as never)).rejects.toThrow('Expected `work` to be a function')
  })

  test('after shutdown is refused', async () => {
    const { breaker } = makeWorld()
    breaker.shutdown()
    await expect(breaker.run(forever)).rejects.toMatchObject({ code: 'SPW_ERR_CLOSED' })
  })
})

describe('time', () => {
  test('is up at timeoutMs: the caller is answered, the work is told, a failure is counted', async () => {
    const { breaker, clock } = makeWorld({ timeoutMs: 300 })
    let inner: AbortSignal | undefined
    const answer = breaker.run((signal) => {
      inner = signal
      return forever()
    })
    clock.advance(299)
    expect(inner!.aborted).toBe(false)
    clock.advance(1)
    await expect(answer).rejects.toMatchObject({
      code: 'SPW_ERR_CALL_TIMEOUT',
      statusCode: 504,
      reason: 'timeout',
    })
    expect(inner!.reason).toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    expect(breaker.stats()).toMatchObject({ failures: 1, timeouts: 1, inFlight: 0 })
  })

  test('is up earlier for an earlier deadline, never later', async () => {
    const { breaker, clock } = makeWorld({ timeoutMs: 300 })
    const early = breaker.run(forever, { deadlineMs: 200 })
    const late = breaker.run(forever, { deadlineMs: Infinity })
    clock.advance(200)
    await expect(early).rejects.toMatchObject({ reason: 'deadline' })
    clock.advance(100)
    await expect(late).rejects.toMatchObject({ reason: 'timeout' })
  })

  test('callers that give a call no time cannot open the circuit for others', async () => {
    const { breaker, clock } = makeWorld()
    const impatient = Array.from({ length: 1000 }, () => breaker.run(forever, { deadlineMs: 99 }))
    clock.advance(99)
    await Promise.allSettled(impatient)
    expect(breaker.stats()).toMatchObject({ state: 'closed', failures: 0, ignored: 1000 })
  })

  test('a process that stood still says nothing about the downstream', async () => {
    const { breaker, clock } = makeWorld()
    const calls = Array.from({ length: 100 }, () => breaker.run(forever, { deadlineMs: 1000 }))
    clock.freeze(8000)
    const results = await Promise.allSettled(calls)
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(breaker.stats()).toMatchObject({ state: 'closed', failures: 0, timeouts: 0 })
  })

  test.each([
    [{ limitMs: 100, lateMs: 0, timeoutMs: 5000, minTimeoutMs: 100 }, 'timeout'],
    [{ limitMs: 99, lateMs: 0, timeoutMs: 5000, minTimeoutMs: 100 }, 'ignored'],
    [{ limitMs: 50, lateMs: 0, timeoutMs: 50, minTimeoutMs: 100 }, 'timeout'],
    [{ limitMs: 500, lateMs: 250, timeoutMs: 500, minTimeoutMs: 100 }, 'timeout'],
    [{ limitMs: 500, lateMs: 251, timeoutMs: 500, minTimeoutMs: 100 }, 'ignored'],
  ])('%j: %s', (expired, outcome) => {
    expect(expiryOutcome(expired)).toBe(outcome)
  })

  test('what the work does after its time is up is counted no more and unhandled nowhere', async () => {
    const { breaker, clock } = makeWorld({ timeoutMs: 300 })
    const late = defer<number>()
    const lateFailure = defer<number>()
    const answers = [breaker.run(() => late.promise), breaker.run(() => lateFailure.promise)]
    clock.advance(300)
    await Promise.allSettled(answers)
    late.resolve(1)
    lateFailure.reject(new Error('late'))
    await Promise.allSettled([late.promise, lateFailure.promise])
    expect(breaker.stats()).toMatchObject({ successes: 0, failures: 2 })
  })
})

describe('signals', () => {
  test("one call's timeout never aborts another, and each call has its own", async () => {
    const { breaker, clock } = makeWorld({ timeoutMs: 300 })
    const signals: AbortSignal[] = []
    const late = breaker.run((signal) => {
      signals.push(signal)
      return forever()
    })
    clock.advance(200)
    const healthy = defer<string>()
    const other = breaker.run((signal) => {
      signals.push(signal)
      return healthy.promise
    })
    clock.advance(100)
    await expect(late).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    healthy.resolve('well')
    await expect(other).resolves.toBe('well')
    await breaker.run(async (signal) => {
      signals.push(signal)
    })
    expect(signals[2]!.aborted).toBe(false)
    expect(new Set(signals).size).toBe(3)
  })

  test('a caller that leaves is answered at once and ignored', async () => {
    const { breaker } = makeWorld()
    const caller = new AbortController()
    let inner: AbortSignal | undefined
    const answer = breaker.run(
      (signal) => {
        inner = signal
        return forever()
      },
      { signal: caller.signal },
    )
    caller.abort(new Error('bye'))
    await expect(answer).rejects.toMatchObject({
      code: 'SPW_ERR_CANCELLED',
      cause: { message: 'bye' },
    })
    expect(inner!.aborted).toBe(true)
    expect(breaker.stats()).toMatchObject({ ignored: 1, failures: 0 })
  })

  test('10,000 aborted calls leave no listener, timer or pass behind', async () => {
    const { breaker, clock } = makeWorld()
    const shared = new AbortController()
    const all: Promise<unknown>[] = []
    const own: AbortController[] = []
    for (let made = 0; made < 5000; made += 1) {
      const caller = new AbortController()
      own.push(caller)
      all.push(breaker.run(forever, { signal: caller.signal, deadlineMs: 500 }))
      all.push(
        breaker.run(
          (signal) =>
            new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                reject(new Error('aborted'))
              })
            }),
          { signal: shared.signal },
        ),
      )
    }
    expect([clock.pendingTimers, breaker.stats().inFlight]).toEqual([10_000, 10_000])
    for (const caller of own) caller.abort()
    shared.abort()
    const results = await Promise.allSettled(all)
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    const left = [shared, ...own].flatMap(({ signal }) => getEventListeners(signal, 'abort'))
    expect(left).toEqual([])
    expect(clock.pendingTimers).toBe(0)
    expect(breaker.stats()).toMatchObject({ state: 'closed', inFlight: 0, ignored: 10_000 })
  })

  test('a signal that outlives ten thousand good calls collects no listeners', async () => {
    const { breaker, clock } = makeWorld()
    const { signal } = new AbortController()
    for (let made = 0; made < 10_000; made += 1) await breaker.run(async () => 1, { signal })
    expect([getEventListeners(signal, 'abort').length, clock.pendingTimers]).toEqual([0, 0])
  })
})

describe('isFailure', () => {
  test('decides what counts, and leaves the rest to the default', async () => {
    const { breaker } = makeWorld({
      isFailure: (error) => {
        if (!(error instanceof Error)) return undefined
        if (error.message === 'mine') return false
        return error.message === 'theirs' ? true : undefined
      },
    })
    for (const error of [new Error('mine'), new Error('theirs'), down(), new Error('other')]) {
      await breaker.run(() => Promise.reject(error)).catch(() => {})
    }
    expect(breaker.stats()).toMatchObject({ ignored: 1, failures: 2, successes: 1 })
  })

  test('a filtered error closes no half-open circuit', async () => {
    const world = makeWorld({ isFailure: () => false })
    const { breaker, clock } = world
    trip(world)
    clock.advance(250)
    for (let made = 0; made < 50; made += 1) {
      await breaker.run(() => Promise.reject(new Error('x'))).catch(() => {})
    }
    expect(breaker.state).toBe('half_open')
  })

  test('a mistake in it is the answer, and the pass comes back', async () => {
    const { breaker } = makeWorld({
      isFailure: () => {
        throw new Error('mistake')
      },
    })
    await expect(breaker.run(() => Promise.reject(new Error('x')))).rejects.toThrow('mistake')
    expect(breaker.stats()).toMatchObject({ inFlight: 0, ignored: 1 })
  })
})

test('a caller that leaves while its error is being judged is told once', async () => {
  const caller = new AbortController()
  const { breaker } = makeWorld({
    isFailure: () => {
      caller.abort()
      return true
    },
  })
  const { signal } = caller
  const answer = breaker.run(() => Promise.reject(new Error('x')), { signal })
  await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED' })
  expect(breaker.stats()).toMatchObject({ inFlight: 0, ignored: 1, failures: 0 })
})

test('a probe whose caller leaves makes room for the next one', async () => {
  const world = makeWorld()
  const { breaker, clock } = world
  trip(world)
  clock.advance(250)
  const caller = new AbortController()
  const left = breaker.run(forever, { signal: caller.signal })
  expect(breaker.wouldRefuse()).toMatchObject({ reason: 'probing' })
  caller.abort()
  await expect(left).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED' })
  pass(breaker).end('success')
  call(breaker, 'success', 14)
  expect(breaker.state).toBe('closed')
})

describe('a deadline that a stranger has chosen', () => {
  const strangers = new SpillwayError('SPW_ERR_DEADLINE', { reason: callerDeadline })

  test.each([100, 120, 5000])('of %d ms ends its own call, and counts for nothing', async (ms) => {
    const { breaker, clock } = makeWorld()
    for (let index = 0; index < 20; index += 1) {
      const answer = breaker.run(forever, { callerDeadlineMs: ms, deadlineMs: 6000 })
      const ended = expect(answer).rejects.toMatchObject({
        code: 'SPW_ERR_CALL_TIMEOUT',
        reason: callerDeadline,
      })
      clock.advance(ms)
      await ended
    }
    expect(breaker.stats()).toMatchObject({ state: 'closed', failures: 0, ignored: 20 })
  })

  test('is known by the reason of its request’s signal', async () => {
    const { breaker, clock } = makeWorld()
    const request = new AbortController()
    const answer = breaker.run(forever, { signal: request.signal })
    const ended = expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    clock.advance(400)
    request.abort(strangers)
    await ended
    const late = breaker.run(forever, { signal: AbortSignal.abort(strangers) })
    await expect(late).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE' })
    expect(breaker.stats()).toMatchObject({ failures: 0, ignored: 1 })
  })

  test('counts for nothing when a client library reports it, or a guard within', async () => {
    const { breaker, clock } = makeWorld()
    const work = async (): Promise<never> => {
      clock.advance(119)
      throw new DOMException('timeout', 'TimeoutError')
    }
    await breaker.run(work, { callerDeadlineMs: 120 }).catch(() => {})
    const guarded = new SpillwayError('SPW_ERR_CALL_TIMEOUT', { reason: callerDeadline })
    await breaker.run(() => Promise.reject(guarded)).catch(() => {})
    expect(breaker.stats()).toMatchObject({ failures: 0, ignored: 2 })
  })

  test.each([
    ['as a number', (): CallOptions => ({ callerDeadlineMs: 120 })],
    ['by a signal', (signal: AbortSignal): CallOptions => ({ signal })],
  ])('ends no probe, told %s: it goes on without its caller', async (_, options) => {
    const world = makeWorld({ timeoutMs: 1000 })
    trip(world)
    const { breaker, clock } = world
    const probe = async (takesMs: number): Promise<void> => {
      const { promise, resolve } = defer<void>()
      const request = new AbortController()
      const answer = breaker.run(() => promise, options(request.signal))
      const ended = expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
      clock.advance(120)
      request.abort(strangers)
      await ended
      clock.advance(takesMs - 120)
      resolve()
      await promise
      await Promise.resolve()
    }
    clock.advance(1000)
    await probe(300)
    expect(breaker.stats()).toMatchObject({ state: 'half_open', successes: 1, inFlight: 0 })
    await probe(1500)
    await probe(1500)
    expect(breaker.stats()).toMatchObject({ timeouts: 2, opened: 2 })
    expect(clock.pendingTimers).toBe(0)
  })

  test.each([0, -1, Number.NaN])('that is %d is over', async (callerDeadlineMs) => {
    const { breaker } = makeWorld()
    const answer = breaker.run(forever, { callerDeadlineMs })
    await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_DEADLINE' })
  })

  test('is not heard where the service gives less', async () => {
    const { breaker, clock } = makeWorld()
    const answer = breaker.run(forever, { callerDeadlineMs: 1e300, deadlineMs: 400 })
    const ended = expect(answer).rejects.toMatchObject({ reason: 'deadline' })
    clock.advance(400)
    await ended
    expect(breaker.stats()).toMatchObject({ timeouts: 1 })
  })
})
