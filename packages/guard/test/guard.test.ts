import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import { fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, test } from 'vitest'
import type { Guard, GuardOptions } from '../src/index.ts'
import { createGuard } from '../src/index.ts'
import { codeOf } from './code-of.ts'

interface Job {
  readonly promise: Promise<string>
  readonly signal: AbortSignal
  readonly work: (signal: AbortSignal) => Promise<string>
  readonly started: () => boolean
  succeed(value?: string): void
  fail(error: unknown): void
}

/** Work that ends when the test says so and not before, whatever its signal does. */
function job(): Job {
  let signal: AbortSignal | undefined
  let resolve!: (value: string) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<string>((...settle) => {
    ;[resolve, reject] = settle
  })
  return {
    promise,
    get signal() {
      return signal!
    },
    work: (given) => {
      signal = given
      return promise
    },
    started: () => signal !== undefined,
    succeed: (value = 'done') => resolve(value),
    fail: reject,
  }
}

function setUp(options: Partial<GuardOptions> = {}): { clock: ManualClock; guard: Guard } {
  const clock = new ManualClock()
  const guard = createGuard({ name: 'db', clock, limit: fixedLimit(1), ...options })
  return { clock, guard }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a call', () => {
  test('starts at once, answers, and counts as success', async () => {
    const { guard } = setUp()
    const one = job()
    const answer = guard.run(one.work)
    expect(one.started()).toBe(true)
    expect(guard.stats()).toMatchObject({ running: 1, inFlight: 1, abandoned: 0 })
    one.succeed('rows')
    expect(await answer).toBe('rows')
    expect(one.signal.aborted).toBe(false)
    expect(guard.stats()).toMatchObject({ running: 0, inFlight: 0, released: { success: 1 } })
  })

  test('waits while the limit is reached, and starts when a permit comes free', async () => {
    const { guard } = setUp()
    const [one, two] = [job(), job()]
    const first = guard.run(one.work)
    const second = guard.run(two.work)
    expect(two.started()).toBe(false)
    one.succeed()
    await first
    await tick()
    expect(two.started()).toBe(true)
    two.succeed('second')
    expect(await second).toBe('second')
  })

  test('starts in the async context of its own caller, even after waiting', async () => {
    const { guard } = setUp()
    const storage = new AsyncLocalStorage<string>()
    const one = job()
    const first = storage.run('first', () => guard.run(one.work))
    const second = storage.run('second', () => guard.run(async () => storage.getStore()))
    storage.run('first', () => one.succeed())
    await first
    expect(await second).toBe('second')
  })

  test('is refused with the limiter’s error when nobody may wait', async () => {
    const { guard } = setUp({ queue: { maxSize: 0 } })
    const one = job()
    const first = guard.run(one.work)
    const refused = guard.run(job().work)
    await expect(refused).rejects.toMatchObject({ code: 'SPW_ERR_LIMIT_EXCEEDED', statusCode: 503 })
    one.succeed()
    await first
  })

  test('is refused without running when its deadline has passed', async () => {
    const { guard } = setUp()
    const one = job()
    expect(await codeOf(guard.run(one.work, { deadlineMs: 0 }))).toBe('SPW_ERR_DEADLINE')
    expect(one.started()).toBe(false)
  })

  test('rejects for work that is no function, and for an unknown priority, and takes no permit', async () => {
    const { guard } = setUp()
    expect(await codeOf(guard.run('work' as never))).toBe('SPW_ERR_OPTION')
    expect(await codeOf(guard.run(job().work, { priority: 'urgent' as never }))).toBe(
      'SPW_ERR_OPTION',
    )
    expect(guard.stats().inFlight).toBe(0)
  })

  test('that throws before it asked the downstream is no evidence', async () => {
    const { guard } = setUp()
    const mistake = new Error('mistake')
    const answer = guard.run(() => {
      throw mistake
    })
    await expect(answer).rejects.toBe(mistake)
    expect(guard.stats()).toMatchObject({ running: 0, inFlight: 0, released: { ignored: 1 } })
  })
})

describe('time', () => {
  test('a caller gets its timeout on time; the permit stays taken until the work has ended', async () => {
    const { clock, guard } = setUp({ timeoutMs: 100 })
    const [one, two] = [job(), job()]
    const first = guard.run(one.work)
    const second = guard.run(two.work, { deadlineMs: 1000 })
    clock.advance(99)
    expect(one.signal.aborted).toBe(false)
    clock.advance(1)
    await expect(first).rejects.toMatchObject({
      code: 'SPW_ERR_CALL_TIMEOUT',
      statusCode: 504,
      reason: 'timeout',
    })
    expect(one.signal.aborted).toBe(true)
    expect(one.signal.reason).toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT' })
    expect(guard.stats()).toMatchObject({ running: 1, abandoned: 1, inFlight: 1, queued: 1 })
    expect(two.started()).toBe(false)

    one.fail(one.signal.reason)
    await tick()
    expect(two.started()).toBe(true)
    expect(guard.stats()).toMatchObject({ running: 1, abandoned: 0, released: { dropped: 1 } })
    two.succeed()
    await second
  })

  test('the deadline counts from the call, wait included', async () => {
    const { clock, guard } = setUp()
    const [one, two] = [job(), job()]
    const first = guard.run(one.work)
    const second = guard.run(two.work, { deadlineMs: 500 })
    clock.advance(200)
    one.succeed()
    await first
    await tick()
    expect(two.started()).toBe(true)
    clock.advance(299)
    expect(two.signal.aborted).toBe(false)
    clock.advance(1)
    await expect(second).rejects.toMatchObject({ code: 'SPW_ERR_CALL_TIMEOUT', reason: 'deadline' })
    two.succeed()
    await tick()
    expect(guard.stats()).toMatchObject({ running: 0, late: 1, released: { dropped: 1 } })
  })

  test('a waiting caller is told before its deadline, and its work never runs', async () => {
    const { clock, guard } = setUp()
    const [one, two] = [job(), job()]
    void guard.run(one.work)
    const second = codeOf(guard.run(two.work, { deadlineMs: 300 }))
    clock.advance(300)
    expect(await second).toMatch(/^SPW_ERR_(QUEUE_TIMEOUT|DEADLINE)$/)
    one.succeed()
    await tick()
    expect(two.started()).toBe(false)
    expect(guard.stats().inFlight).toBe(0)
  })

  test('of Infinity is the same as none: that of the guard holds', async () => {
    const { clock, guard } = setUp({ deadlineMs: 50 })
    const one = job()
    const answer = codeOf(guard.run(one.work, { deadlineMs: Infinity }))
    clock.advance(50)
    expect(await answer).toBe('SPW_ERR_CALL_TIMEOUT')
    one.succeed()
  })

  test('the guard’s deadline holds for calls that name none', async () => {
    const { clock, guard } = setUp({ deadlineMs: 50 })
    const [one, two] = [job(), job()]
    const first = codeOf(guard.run(one.work))
    clock.advance(50)
    expect(await first).toBe('SPW_ERR_CALL_TIMEOUT')
    one.succeed()
    await tick()
    const second = codeOf(guard.run(two.work, { deadlineMs: 80 }))
    clock.advance(79)
    expect(two.signal.aborted).toBe(false)
    clock.advance(1)
    expect(await second).toBe('SPW_ERR_CALL_TIMEOUT')
    two.succeed()
  })

  test('one timed-out call aborts no other', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(3) })
    const jobs = [job(), job(), job()]
    const answers = jobs.map(({ work }, index) =>
      codeOf(guard.run(work, { deadlineMs: [100, 50, 150][index]! })),
    )
    clock.advance(60)
    expect(await answers[1]).toBe('SPW_ERR_CALL_TIMEOUT')
    expect(jobs.map(({ signal }) => signal.aborted)).toEqual([false, true, false])
    for (const { succeed } of jobs) succeed()
    expect(await answers[0]).toBe('fulfilled')
    expect(await answers[2]).toBe('fulfilled')
  })

  test('a process that stood still tells everybody whose time is up', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(2), timeoutMs: 1000 })
    const jobs = [job(), job()]
    const answers = jobs.map(({ work }) => codeOf(guard.run(work)))
    clock.freeze(8000)
    expect(await Promise.all(answers)).toEqual(['SPW_ERR_CALL_TIMEOUT', 'SPW_ERR_CALL_TIMEOUT'])
    for (const { succeed } of jobs) succeed()
    await tick()
    expect(guard.stats()).toMatchObject({ running: 0, abandoned: 0, late: 2 })
  })
})

describe('a caller that hangs up', () => {
  test('while waiting leaves at once, and its work never runs', async () => {
    const { guard } = setUp()
    const [one, two] = [job(), job()]
    const first = guard.run(one.work)
    const caller = new AbortController()
    const second = guard.run(two.work, { signal: caller.signal })
    caller.abort('gone')
    await expect(second).rejects.toMatchObject({
      code: 'SPW_ERR_CANCELLED',
      statusCode: 499,
      cause: 'gone',
    })
    expect(guard.stats().queued).toBe(0)
    one.succeed()
    await first
    await tick()
    expect(two.started()).toBe(false)
  })

  test('between permit and start does not start its work', async () => {
    const { guard } = setUp()
    const [one, two] = [job(), job()]
    const first = guard.run(one.work)
    const caller = new AbortController()
    const second = codeOf(guard.run(two.work, { signal: caller.signal }))
    // Runs right after the guard has taken the permit back and handed it on.
    void one.promise.then(() => caller.abort())
    one.succeed()
    await first
    expect(await second).toBe('SPW_ERR_CANCELLED')
    expect(two.started()).toBe(false)
    expect(guard.stats()).toMatchObject({ running: 0, inFlight: 0, admitted: { default: 2 } })
  })

  test('while running gets its answer at once; a call that was stopped is no evidence', async () => {
    const { guard } = setUp()
    const one = job()
    const caller = new AbortController()
    const answer = guard.run(one.work, { signal: caller.signal })
    caller.abort('gone')
    await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED', cause: 'gone' })
    expect(one.signal.aborted).toBe(true)
    expect(guard.stats()).toMatchObject({ running: 1, abandoned: 1, inFlight: 1 })
    one.fail(new Error('stopped'))
    await tick()
    expect(guard.stats()).toMatchObject({ running: 0, inFlight: 0, released: { ignored: 1 } })
  })

  test('leaves a call that answers all the same, and its latency counts', async () => {
    const { guard } = setUp()
    const one = job()
    const caller = new AbortController()
    const answer = codeOf(guard.run(one.work, { signal: caller.signal }))
    caller.abort()
    one.succeed()
    expect(await answer).toBe('SPW_ERR_CANCELLED')
    await tick()
    expect(guard.stats()).toMatchObject({ late: 0, released: { success: 1 } })
  })

  test('ten thousand times leaves no listener, timer or permit', async () => {
    const { clock, guard } = setUp({ limit: fixedLimit(50), timeoutMs: 1000 })
    const shared = new AbortController()
    const callers: AbortController[] = []
    const answers: Promise<unknown>[] = []
    for (let index = 0; index < 10_000; index += 1) {
      const caller = new AbortController()
      const signal = index % 2 === 0 ? caller.signal : AbortSignal.any([caller.signal])
      const work = (stop: AbortSignal): Promise<never> =>
        new Promise((_, reject) => {
          stop.addEventListener('abort', () => reject(stop.reason), { once: true })
        })
      answers.push(codeOf(guard.run(work, { signal })))
      answers.push(codeOf(guard.run(async () => 'quick', { signal: shared.signal })))
      callers.push(caller)
      if (callers.length === 50) for (const one of callers.splice(0)) one.abort()
      if (index % 50 === 49) await tick()
    }
    await Promise.all(answers)
    await tick()
    expect(guard.stats()).toMatchObject({ running: 0, abandoned: 0, inFlight: 0, queued: 0 })
    expect(getEventListeners(shared.signal, 'abort')).toHaveLength(0)
    clock.advance(2000)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('what an error says about load', () => {
  const coded = (code: string): Error => Object.assign(new Error(code), { code })
  test.each([
    ['a unique violation', Object.assign(coded('23505'), { severity: 'ERROR' }), 'success'],
    ['a 404', Object.assign(new Error('no'), { statusCode: 404 }), 'success'],
    ['an error of the application', new Error('no such order'), 'success'],
    ['a rejection without an error', 'no', 'success'],
    ['statement_timeout', coded('57014'), 'dropped'],
    ['too many connections', coded('53300'), 'dropped'],
    ['lock_timeout', coded('55P03'), 'dropped'],
    ['a full pool', new Error('timeout exceeded when trying to connect'), 'dropped'],
    ['a 503', Object.assign(new Error('no'), { status: 503 }), 'dropped'],
    ['AbortSignal.timeout', new DOMException('slow', 'TimeoutError'), 'dropped'],
    ['undici, no headers', coded('UND_ERR_HEADERS_TIMEOUT'), 'dropped'],
    ['a refused connection', coded('ECONNREFUSED'), 'ignored'],
    ['fetch failed', new TypeError('fetch failed', { cause: coded('ECONNREFUSED') }), 'ignored'],
    ['a mistake of ours', new TypeError('x is not a function'), 'success'],
    ['a 500', Object.assign(new Error('no'), { statusCode: 500 }), 'success'],
    ['an abort', new DOMException('x', 'AbortError'), 'ignored'],
  ] as const)('%s: %s → %s', async (_, error, outcome) => {
    const { guard } = setUp()
    await expect(guard.run(() => Promise.reject(error))).rejects.toBe(error)
    expect(guard.stats().released[outcome]).toBe(1)
  })

  test('a refusal of another guard is not this downstream’s', async () => {
    const { guard } = setUp()
    const inner = setUp({ queue: { maxSize: 0 } }).guard
    const one = job()
    const first = inner.run(one.work)
    expect(await codeOf(guard.run(() => inner.run(job().work)))).toBe('SPW_ERR_LIMIT_EXCEEDED')
    expect(guard.stats().released).toEqual({ success: 0, dropped: 0, ignored: 1 })
    one.succeed()
    await first
  })

  test('classify goes first, and leaves the rest to the guard', async () => {
    const { guard } = setUp({
      classify: (error) => (error === 'busy' ? 'dropped' : undefined),
    })
    await codeOf(guard.run(() => Promise.reject('busy')))
    await codeOf(guard.run(() => Promise.reject(coded('ECONNREFUSED'))))
    expect(guard.stats().released).toEqual({ success: 0, dropped: 1, ignored: 1 })
  })

  test('a classify that throws, or says nonsense, is told to the caller and leaks nothing', async () => {
    const mistake = new Error('mistake')
    const throwing = setUp({
      classify: () => {
        throw mistake
      },
    }).guard
    await expect(throwing.run(() => Promise.reject(new Error('x')))).rejects.toBe(mistake)
    const nonsense = setUp({ classify: () => 'maybe' as never }).guard
    expect(await codeOf(nonsense.run(() => Promise.reject(new Error('x'))))).toBe('SPW_ERR_OPTION')
    expect([throwing.stats().inFlight, nonsense.stats().inFlight]).toEqual([0, 0])
  })
})

describe('the guard', () => {
  test('says beforehand what it would refuse', async () => {
    const { guard } = setUp({ queue: { maxSize: 0 } })
    expect(guard.wouldRefuse()).toBeUndefined()
    const one = job()
    const first = guard.run(one.work)
    expect(guard.wouldRefuse()).toMatchObject({ kind: 'refusal', code: 'SPW_ERR_LIMIT_EXCEEDED' })
    one.succeed()
    await first
    expect(guard.wouldRefuse()).toBeUndefined()
  })

  test('once closed refuses the waiting and the new, and lets the running end', async () => {
    const { guard } = setUp()
    const one = job()
    const first = guard.run(one.work)
    const second = codeOf(guard.run(job().work))
    guard.close()
    expect(await second).toBe('SPW_ERR_CLOSED')
    expect(await codeOf(guard.run(job().work))).toBe('SPW_ERR_CLOSED')
    one.succeed('last')
    expect(await first).toBe('last')
    expect(guard.stats().inFlight).toBe(0)
  })

  test.each([
    [{ name: '' }, 'Expected `name` to be a non-empty string, got "" (string)'],
    [{ timeoutMs: 0 }, 'Expected `timeoutMs` to be a number of milliseconds of at least 1'],
    [{ deadlineMs: Number.NaN }, 'Expected `deadlineMs` to be a number of milliseconds'],
    [{ classify: 'no' }, 'Expected `classify` to be a function, got "no" (string)'],
    [{ queue: { maxSize: -1 } }, 'Expected `queue.maxSize`'],
    [
      { breaker: 1 },
      'Expected `breaker` to be true, false or an object of options, got 1 (number)',
    ],
    [{ breaker: { timeoutMs: 5 } }, 'Unknown option `breaker.timeoutMs`'],
    [{ breaker: { openMs: 0 } }, 'breaker: Expected `openMs`'],
    [{ hedge: {} }, 'Unknown option `options.hedge`'],
  ])('refuses the options %j', (options, message) => {
    expect(() => createGuard({ name: 'db', ...options } as never)).toThrow(message)
  })
})
