import { channels, createLoadShedder, heapUsed, priorities } from '@spillway/core'
import type { LoadShedder, LoadShedderOptions } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FakeProcess } from './fake-process.ts'

interface Place {
  readonly clock: ManualClock
  readonly process: FakeProcess
  readonly shedder: LoadShedder
}

/** A process that works all the time, so that no gap is taken for a standstill. */
function setUp(options: LoadShedderOptions = {}): Place {
  const clock = new ManualClock()
  const process = new FakeProcess()
  const signals = [heapUsed({ from: 0.2, to: 0.9 })]
  const random = (): number => 0.5
  const shedder = createLoadShedder({ clock, process, signals, random, ...options })
  onTestFinished(() => {
    shedder.close()
    expect(clock.pendingTimers).toBe(0)
  })
  return { clock, process, shedder }
}

/** Lets so many readings pass. */
function pass({ clock, process }: Place, readings: number): void {
  for (let reading = 0; reading < readings; reading += 1) {
    process.cpu += 100
    clock.advance(100)
  }
}

const refusedOf = (shedder: LoadShedder): string[] =>
  priorities.filter((priority) => shedder.decide(priority) !== undefined)

describe('a load shedder', () => {
  test('refuses nobody without pressure, the least important first, and all in the end', () => {
    const place = setUp()
    const refused = [200, 400, 500, 650, 900].map((used) => {
      place.process.usedBytes = used
      pass(place, 60)
      return refusedOf(place.shedder).join(' ')
    })
    expect(refused).toEqual(['', '', 'low', 'default low', 'critical high default low'])
  })

  test('says which signal decided', () => {
    const place = setUp({
      signals: [
        function calm() {
          return 0
        },
        function queue() {
          return 1
        },
      ],
    })
    pass(place, 60)
    expect(place.shedder.decide('default')).toEqual({
      kind: 'refusal',
      reason: 'queue',
      code: 'SPW_ERR_OVERLOADED',
      retryAfterMs: 1000,
    })
    expect(place.shedder.stats()).toMatchObject({
      name: 'process',
      mode: 'enforce',
      signals: { calm: { pressure: 0 }, queue: { pressure: expect.closeTo(1) as number } },
      refused: { default: 1 },
    })
  })

  test('comes back within two seconds when the pressure has gone', () => {
    const place = setUp()
    place.process.usedBytes = 900
    pass(place, 60)
    place.process.usedBytes = 0
    pass(place, 20)
    expect(refusedOf(place.shedder)).toEqual([])
  })

  test('ignores and counts readings that are none, and never refuses for them', () => {
    const readings = [NaN, -1, undefined as never, 'high' as never, Infinity]
    const broken = (): number => {
      if (readings.length === 0) throw new Error('no more')
      return readings.shift()!
    }
    const place = setUp({ signals: [broken] })
    pass(place, 4)
    expect(place.shedder.pressure).toBe(0)
    expect(refusedOf(place.shedder)).toEqual([])
    // Undefined is unknown, not wrong; Infinity is as much as can be.
    expect(place.shedder.stats().signals['broken']).toEqual({ pressure: 0, ignored: 3 })
    pass(place, 20)
    expect(place.shedder.stats().signals['broken']).toMatchObject({ ignored: 22 })
  })

  test('discards what it reads after the process has stood still, and counts that', () => {
    const place = setUp({
      signals: [
        function busy() {
          return 1
        },
      ],
    })
    // Stopped for eight seconds: time passes, no processor is used.
    place.clock.freeze(8000)
    expect(place.shedder.decide('low')).toBeUndefined()
    expect(place.shedder.stats()).toMatchObject({ frozen: 1, pressure: 0 })
    pass(place, 60)
    expect(place.shedder.stats()).toMatchObject({
      frozen: 1,
      pressure: expect.closeTo(1) as number,
    })
  })

  test('takes eight seconds of work for work', () => {
    const place = setUp({
      signals: [
        function busy() {
          return 1
        },
      ],
    })
    place.process.cpu += 8000
    place.clock.freeze(8000)
    place.shedder.decide('low')
    expect(place.shedder.stats().frozen).toBe(0)
  })
})

describe('modes', () => {
  test('observe counts and refuses nobody, off does not even count', () => {
    const place = setUp({ mode: 'observe' })
    const { shedder, process } = place
    process.usedBytes = 950
    pass(place, 60)
    expect(refusedOf(shedder)).toEqual([])
    expect(shedder.stats()).toMatchObject({
      refused: { critical: 0, low: 0 },
      wouldHaveRefused: { critical: 1, low: 1 },
    })
    shedder.mode = 'off'
    expect(refusedOf(shedder)).toEqual([])
    expect(shedder.stats().wouldHaveRefused.low).toBe(1)
    shedder.mode = 'enforce'
    expect(refusedOf(shedder)).toHaveLength(4)
    expect(shedder.stats()).toMatchObject({ mode: 'enforce', refused: { low: 1 } })
  })

  test('listeners hear whether it was enforced', () => {
    const heard: unknown[] = []
    const listen = (message: unknown): void => void heard.push(message)
    channels.loadShed.subscribe(listen)
    onTestFinished(() => {
      channels.loadShed.unsubscribe(listen)
    })
    const place = setUp({
      mode: 'observe',
      signals: [
        function busy() {
          return 1
        },
      ],
    })
    pass(place, 60)
    place.shedder.decide('low')
    place.shedder.mode = 'enforce'
    place.shedder.decide('high')
    const common = { shedder: 'process', signal: 'busy' }
    expect(heard).toMatchObject([
      { ...common, priority: 'low', enforced: false },
      { ...common, priority: 'high', enforced: true },
    ])
  })

  test('once closed, nobody is refused', () => {
    const place = setUp({
      signals: [
        function busy() {
          return 1
        },
      ],
    })
    pass(place, 60)
    place.shedder.close()
    place.shedder.close()
    expect(refusedOf(place.shedder)).toEqual([])
    expect(place.clock.pendingTimers).toBe(0)
  })
})

describe('wrong options', () => {
  test.each([
    [
      { signals: 'heapUsed' },
      'Expected `signals` to be an array of signals, got "heapUsed" (string)',
    ],
    [
      { signals: ['heapUsed'] },
      'Expected `signals[0]` to be a signal, such as heapUsed(), or a named',
    ],
    [{ signals: [null] }, 'Expected `signals[0]` to be a signal'],
    [
      { signals: [() => 1] },
      'Expected `signals[0].name` to be a non-empty string, got "" (string)',
    ],
    [
      { signals: [heapUsed(), heapUsed()] },
      'Expected `signals` to be signals of different names, got "heapUsed" (string)',
    ],
    [
      { sampleIntervalMs: 0 },
      'Expected `sampleIntervalMs` to be a number of milliseconds of at least 1',
    ],
    [
      { mode: 'on' },
      "Expected `mode` to be one of 'off', 'observe', 'enforce', got \"on\" (string)",
    ],
    [{ name: '' }, 'Expected `name` to be a non-empty string'],
    [{ random: 4 }, 'Expected `random` to be a function, got 4 (number)'],
    [{ signal: [] }, 'Unknown option `options.signal`'],
  ])('%j', (options, message) => {
    expect(() => createLoadShedder(options as LoadShedderOptions)).toThrow(message)
  })

  test('a priority that does not exist', () => {
    expect(() => setUp().shedder.decide('urgent' as never)).toThrow('Expected `priority`')
  })
})
