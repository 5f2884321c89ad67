import { describe, expect, test } from 'vitest'
import { cpuAllowance, parseCpuMax, parseThrottled } from '../../src/pressure/cgroup-cpu.ts'
import { FakeProcess } from './fake-process.ts'

function files(entries: Readonly<Record<string, string>>): FakeProcess {
  const process = new FakeProcess()
  for (const [path, text] of Object.entries(entries)) process.files.set(path, text)
  return process
}

test.each([
  ['50000 100000\n', 0.5],
  ['200000 100000', 2],
  ['max 100000\n', undefined],
  ['', undefined],
  ['-1 100000', undefined],
  ['0 100000', undefined],
  ['100000 0', undefined],
  ['rubbish', undefined],
])('cpu.max %j allows %s processors', (text, processors) => {
  expect(parseCpuMax(text)).toBe(processors)
})

test.each([
  ['nr_throttled 3\nthrottled_usec 2500\n', 2.5],
  ['nr_periods 1\nthrottled_time 3000000\n', 3],
  ['', 0],
  ['throttled_usec many', 0],
])('cpu.stat %j: %d ms', (text, ms) => {
  expect(parseThrottled(text)).toBe(ms)
})

describe('the allowance', () => {
  test('of version 2, seen from the host', () => {
    const facts = files({
      '/proc/self/cgroup': '0::/kube/pod7\n',
      '/sys/fs/cgroup/kube/pod7/cpu.max': '150000 100000',
      '/sys/fs/cgroup/kube/pod7/cpu.stat': 'throttled_usec 4000',
      '/sys/fs/cgroup/cpu.max': '900000 100000',
    })
    expect(cpuAllowance(facts)).toEqual({ processors: 1.5, throttledMs: 4 })
  })

  test('of version 2, seen from inside the container, where the path of the host leads nowhere', () => {
    const facts = files({
      '/proc/self/cgroup': '0::/../pod7\n',
      '/sys/fs/cgroup/cpu.max': '50000 100000',
    })
    expect(cpuAllowance(facts)).toEqual({ processors: 0.5, throttledMs: 0 })
  })

  test('of version 1', () => {
    const facts = files({
      '/proc/self/cgroup': '5:memory:/pod7\n4:cpu,cpuacct:/pod7\n',
      '/sys/fs/cgroup/cpu/pod7/cpu.cfs_quota_us': '25000\n',
      '/sys/fs/cgroup/cpu/pod7/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu/pod7/cpu.stat': 'throttled_time 7000000\n',
    })
    expect(cpuAllowance(facts)).toEqual({ processors: 0.25, throttledMs: 7 })
  })

  test('is none without a quota, and where there are no control groups', () => {
    const unlimited = {
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
      '/sys/fs/cgroup/cpu.max': 'max 100000',
    }
    expect(cpuAllowance(files(unlimited))).toBeUndefined()
    expect(cpuAllowance(files({}))).toBeUndefined()
  })
})
