import { cpuUsed, eventLoopDelay, eventLoopUtilization, heapUsed, memoryUsed } from '@spillway/core'
import type { Signal, SignalReader } from '@spillway/core'
import { describe, expect, test } from 'vitest'
import { FakeProcess } from './fake-process.ts'

function start(signal: Signal): { process: FakeProcess; reader: SignalReader } {
  const process = new FakeProcess()
  return { process, reader: signal.start({ process }) }
}

/** A reading after so many milliseconds, of which the loop was active for some. */
let now = 0
function read(reader: SignalReader, durationMs = 100, lateMs = 0): number | undefined {
  now += durationMs
  return reader.read({ now, durationMs, lateMs })
}

describe('heapUsed', () => {
  test('is 0 up to `from`, 1 from `to` on, and straight in between', () => {
    const { process, reader } = start(heapUsed({ from: 0.5, to: 0.9 }))
    const pressures = [0, 500, 700, 900, 1000].map((used) => {
      process.usedBytes = used
      return read(reader)
    })
    expect(pressures).toEqual([0, 0, expect.closeTo(0.5), 1, 1])
  })
})

describe('memoryUsed', () => {
  test('is the resident memory against the limit, and unknown where there is none', () => {
    const { process, reader } = start(memoryUsed({ from: 0.5, to: 1 }))
    process.rss = 750
    expect(read(reader)).toBeUndefined()
    process.memoryLimit = 2 ** 64
    expect(read(reader)).toBeUndefined()
    process.memoryLimit = 1000
    expect(read(reader)).toBe(0.5)
  })
})

describe('eventLoopUtilization', () => {
  test('is of the interval alone, whatever was before', () => {
    const { process, reader } = start(eventLoopUtilization({ from: 0, to: 1 }))
    expect(read(reader, 3_600_000)).toBe(0)
    process.active += 100
    expect(read(reader)).toBe(1)
    process.active += 25
    expect(read(reader)).toBe(0.25)
  })

  test('forgets what it did while it stood still', () => {
    const { process, reader } = start(eventLoopUtilization({ from: 0, to: 1 }))
    process.active += 8000
    reader.woke?.(now)
    expect(read(reader)).toBe(0)
  })
})

describe('eventLoopDelay', () => {
  const late = (busyRatio: number, lateMs: number): number | undefined => {
    const { process, reader } = start(eventLoopDelay({ from: 100, to: 1000 }))
    let pressure: number | undefined
    for (let reading = 0; reading < 50; reading += 1) {
      process.active += busyRatio * 100
      pressure = read(reader, 100, lateMs)
    }
    return pressure
  }

  test('is the logarithm of the delay of a loop that is never idle', () => {
    expect(late(1, 50)).toBe(0)
    expect(late(1, 316.2)).toBeCloseTo(0.5, 3)
    expect(late(1, 5000)).toBe(1)
  })

  test('is nothing while the loop is idle now and then, however late it is', () => {
    expect(late(0.85, 900)).toBe(0)
    expect(late(0.95, 900)).toBeGreaterThan(0)
  })

  test('is nothing after one handler that blocked for long', () => {
    const { process, reader } = start(eventLoopDelay())
    process.active += 3000
    expect(read(reader, 3000, 2900)).toBe(0)
  })
})

describe('cpuUsed', () => {
  const quota = (process: FakeProcess, throttledUs = 0): void => {
    process.files.set('/proc/self/cgroup', '0::/pod\n')
    process.files.set('/sys/fs/cgroup/pod/cpu.max', '50000 100000\n')
    process.files.set(
      '/sys/fs/cgroup/pod/cpu.stat',
      `usage_usec 1\nthrottled_usec ${throttledUs}\n`,
    )
  }

  test('is against the quota of the control group', () => {
    const { process, reader } = start(cpuUsed({ from: 0, to: 1 }))
    quota(process)
    process.cpu += 25
    expect(read(reader)).toBeCloseTo(0.5)
  })

  test('is against all processors where there is no quota', () => {
    const { process, reader } = start(cpuUsed({ from: 0, to: 1 }))
    process.cpu += 100
    expect(read(reader)).toBeCloseTo(0.25)
  })

  test('is high when the kernel keeps the group standing still, though little is used', () => {
    const { process, reader } = start(cpuUsed())
    quota(process)
    expect(read(reader)).toBe(0)
    quota(process, 600_000)
    expect(read(reader, 1000)).toBe(1)
    quota(process, 600_000)
    expect(read(reader, 1000)).toBe(0)
  })

  test('takes what was there before the start, or before a standstill, for nothing', () => {
    const { process, reader } = start(cpuUsed())
    quota(process, 5_000_000)
    expect(read(reader)).toBe(0)
    quota(process, 9_000_000)
    reader.woke?.(now)
    expect(read(reader, 1000)).toBe(0)
  })
})

describe('thresholds', () => {
  test.each([
    [() => heapUsed({ from: 0.9, to: 0.5 }), 'Expected `to` to be more than `from` (0.9), got 0.5'],
    [() => heapUsed({ from: 0.99 }), 'Expected `to` to be more than `from` (0.99), got 0.95'],
    [() => memoryUsed({ to: 1.5 }), 'Expected `to` to be a number from 0 to 1, got 1.5 (number)'],
    [() => cpuUsed({ from: NaN }), 'Expected `from` to be a number from 0 to 1, got NaN (number)'],
    [() => eventLoopDelay({ from: -1 }), 'Expected `from` to be a number from 0 to 60000'],
    [() => eventLoopUtilization({ max: 1 } as never), 'Unknown option `eventLoopUtilization.max`'],
  ])('that make no sense are said when the signal is made: %s', (make, message) => {
    expect(make).toThrow(message)
  })
})
