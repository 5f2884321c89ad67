import { cpuUsed, memoryUsed } from '@spillway/core'
import { describe, expect, test } from 'vitest'
import { cpuAllowance } from '../../src/pressure/cgroup-cpu.ts'
import { memoryAllowance } from '../../src/pressure/cgroup-memory.ts'
import { groupFolders } from '../../src/pressure/control-groups.ts'
import { FakeProcess } from './fake-process.ts'

function files(entries: Readonly<Record<string, string>>): FakeProcess {
  const process = new FakeProcess()
  for (const [path, text] of Object.entries(entries)) process.files.set(path, text)
  return process
}

const membership = '/proc/self/cgroup'
const mounts = '/proc/self/mountinfo'
const version2 = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n'
const version1 = (root: string): string =>
  [
    `31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755`,
    `33 31 0:30 ${root} /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:9 - cgroup cgroup rw,cpu,cpuacct`,
    `34 31 0:31 ${root} /sys/fs/cgroup/memory ro,nosuid master:10 - cgroup cgroup rw,memory`,
  ].join('\n')

describe('the control groups of a process', () => {
  test.each([
    {
      what: 'version 2, nested, seen from the host',
      entries: { [membership]: '0::/kube/pod7/main\n', [mounts]: version2 },
      cpu: [
        '/sys/fs/cgroup/kube/pod7/main',
        '/sys/fs/cgroup/kube/pod7',
        '/sys/fs/cgroup/kube',
        '/sys/fs/cgroup',
      ],
    },
    {
      what: 'version 2 where the mounts cannot be read',
      entries: { [membership]: '0::/user.slice/app:1.service\n' },
      cpu: [
        '/sys/fs/cgroup/user.slice/app:1.service',
        '/sys/fs/cgroup/user.slice',
        '/sys/fs/cgroup',
        '/sys/fs/cgroup/cpu',
      ],
    },
    {
      what: 'version 2 in a namespace of its own',
      entries: { [membership]: '0::/\n', [mounts]: version2 },
      cpu: ['/sys/fs/cgroup'],
    },
    {
      what: 'version 2, a path that leads out of what is seen',
      entries: { [membership]: '0::/../pod7\n', [mounts]: version2 },
      cpu: ['/sys/fs/cgroup'],
    },
    {
      what: "version 1 in a container, whose mount shows its own group under the host's path",
      entries: {
        [membership]: '5:memory:/docker/ab/inner\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/\n',
        [mounts]: version1('/docker/ab'),
      },
      cpu: ['/sys/fs/cgroup/cpu,cpuacct'],
      memory: ['/sys/fs/cgroup/memory/inner', '/sys/fs/cgroup/memory'],
    },
    {
      what: "version 1, a mount that shows another group than the process's",
      entries: {
        [membership]: '5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n',
        [mounts]: version1('/docker/ab'),
      },
      cpu: ['/sys/fs/cgroup/cpu,cpuacct'],
    },
    {
      what: 'version 1, mounted in an unusual place with a blank in it',
      entries: {
        [membership]: '4:cpu,cpuacct:/a\n',
        [mounts]: '33 31 0:30 / /my\\040groups rw - cgroup cgroup rw,cpu,cpuacct\n',
      },
      cpu: ['/my groups/a', '/my groups'],
    },
    {
      what: 'both versions at once',
      entries: {
        [membership]: '4:cpu,cpuacct:/a\n0::/b\n',
        [mounts]: `${version1('/')}\n35 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`,
      },
      cpu: [
        '/sys/fs/cgroup/cpu,cpuacct/a',
        '/sys/fs/cgroup/cpu,cpuacct',
        '/sys/fs/cgroup/unified/b',
        '/sys/fs/cgroup/unified',
      ],
    },
  ])('$what', ({ entries, cpu, memory }) => {
    const process = files(entries)
    expect(groupFolders(process, 'cpu')).toEqual(cpu)
    if (memory !== undefined) expect(groupFolders(process, 'memory')).toEqual(memory)
  })
})

describe('the tightest limit of the hierarchy counts, wherever it is set', () => {
  const levels = ['/sys/fs/cgroup/a/b/c', '/sys/fs/cgroup/a/b', '/sys/fs/cgroup/a']
  const nested = { [membership]: '0::/a/b/c\n', [mounts]: version2 }

  test.each(levels)('in version 2 on %s', (tightest) => {
    const entries: Record<string, string> = { ...nested }
    for (const level of levels) {
      const isTightest = level === tightest
      entries[`${level}/cpu.max`] = isTightest ? '50000 100000\n' : '400000 100000\n'
      entries[`${level}/cpu.stat`] = `throttled_usec ${isTightest ? 3000 : 0}\n`
      entries[`${level}/memory.max`] = isTightest ? '1000\n' : '8000\n'
    }
    expect(cpuAllowance(files(entries))).toEqual({ processors: 0.5, throttledMs: 3 })
    expect(memoryAllowance(files(entries))).toBe(1000)
  })

  test.each(['', '/a', '/a/b'])('in version 1 on /%s', (tightest) => {
    const entries: Record<string, string> = {
      [membership]: '5:memory:/a/b\n4:cpu,cpuacct:/a/b\n',
      [mounts]: version1('/'),
    }
    for (const level of ['', '/a', '/a/b']) {
      const isTightest = level === tightest
      const cpu = `/sys/fs/cgroup/cpu,cpuacct${level}`
      entries[`${cpu}/cpu.cfs_quota_us`] = isTightest ? '25000\n' : '-1\n'
      entries[`${cpu}/cpu.cfs_period_us`] = '100000\n'
      entries[`/sys/fs/cgroup/memory${level}/memory.limit_in_bytes`] = isTightest
        ? '1000\n'
        : '9223372036854771712\n'
    }
    expect(cpuAllowance(files(entries))).toEqual({ processors: 0.25, throttledMs: 0 })
    expect(memoryAllowance(files(entries))).toBe(1000)
  })

  test('of memory: `high` as well, and what version 1 tells of groups out of sight', () => {
    const own = '/sys/fs/cgroup/a/b/c'
    expect(
      memoryAllowance(
        files({ ...nested, [`${own}/memory.max`]: 'max\n', [`${own}/memory.high`]: '700' }),
      ),
    ).toBe(700)
    expect(
      memoryAllowance(
        files({
          [membership]: '5:memory:/docker/ab\n',
          [mounts]: version1('/docker/ab'),
          '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9000\n',
          '/sys/fs/cgroup/memory/memory.stat': 'cache 1\nhierarchical_memory_limit 600\nrss 5\n',
        }),
      ),
    ).toBe(600)
  })

  test('no limit is none', () => {
    const own = '/sys/fs/cgroup/a/b/c'
    const entries = { ...nested, [`${own}/memory.max`]: 'max', [`${own}/cpu.max`]: 'max 100000' }
    expect(memoryAllowance(files(entries))).toBeUndefined()
    expect(cpuAllowance(files(entries))).toBeUndefined()
    expect(memoryAllowance(files({}))).toBeUndefined()
  })
})

describe('the signals', () => {
  const interval = (now: number): { now: number; durationMs: number; lateMs: number } => ({
    now,
    durationMs: 1000,
    lateMs: 0,
  })

  test('memoryUsed takes the tightest of all groups and of what the process is told', () => {
    const process = files({
      [membership]: '0::/pod/main\n',
      '/sys/fs/cgroup/pod/main/memory.max': '4000',
      '/sys/fs/cgroup/pod/memory.max': '1000',
    })
    process.rss = 750
    const reader = memoryUsed({ from: 0.5, to: 1 }).start({ process })
    expect(reader.read(interval(0))).toBe(0.5)
    process.memoryLimit = 800
    expect(reader.read(interval(1000))).toBeCloseTo(0.875)
    process.files.set('/sys/fs/cgroup/pod/memory.max', '760')
    expect(reader.read(interval(2000))).toBeGreaterThan(0.9)
  })

  test('cpuUsed takes the tightest of all groups and of the processors that there are', () => {
    const process = files({
      [membership]: '0::/pod/main\n',
      '/sys/fs/cgroup/pod/main/cpu.max': '800000 100000',
      '/sys/fs/cgroup/pod/cpu.max': '600000 100000',
    })
    const reader = cpuUsed({ from: 0, to: 1 }).start({ process })
    process.cpu += 1000
    // Four processors, of which the quota would allow six.
    expect(reader.read(interval(0))).toBeCloseTo(0.25)
    process.files.set('/sys/fs/cgroup/pod/cpu.max', '200000 100000')
    process.cpu += 1000
    expect(reader.read(interval(1000))).toBeCloseTo(0.5)
  })

  test('cpuUsed hears of a group further up that stands still', () => {
    const process = files({
      [membership]: '0::/pod/main\n',
      '/sys/fs/cgroup/pod/main/cpu.max': '400000 100000',
      '/sys/fs/cgroup/pod/main/cpu.stat': 'throttled_usec 900000000\n',
      '/sys/fs/cgroup/pod/cpu.max': '800000 100000',
      '/sys/fs/cgroup/pod/cpu.stat': 'throttled_usec 0\n',
    })
    const reader = cpuUsed().start({ process })
    expect(reader.read(interval(0))).toBe(0)
    process.files.set('/sys/fs/cgroup/pod/cpu.stat', 'throttled_usec 600000\n')
    expect(reader.read(interval(1000))).toBe(1)
  })
})
