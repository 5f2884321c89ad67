import type { ProcessFacts } from './process-facts.ts'

/** What the control group allows the process, and what it took away. */
export interface CpuAllowance {
  /** Processors that may be used at once, 0.5 for half of one. */
  readonly processors: number
  /** Milliseconds, since the group was made, in which somebody of it had to stand still. */
  readonly throttledMs: number
}

/** As in Linux's cgroup-v2 and cgroup-v1 documentation; undefined where there is no quota. */
export function cpuAllowance(facts: Pick<ProcessFacts, 'readText'>): CpuAllowance | undefined {
  for (const folder of folders(facts.readText('/proc/self/cgroup') ?? '')) {
    const processors = quotaOf(facts, folder)
    if (processors === undefined) continue
    return { processors, throttledMs: parseThrottled(facts.readText(`${folder}/cpu.stat`) ?? '') }
  }
  return undefined
}

/**
 * Where the group of the process may be found. Inside a container its path is usually that of the host,
 * and what is mounted is the group itself.
 */
function folders(membership: string): readonly string[] {
  const lines = membership.split('\n').map((line) => line.split(':'))
  const unified = lines.find(([id]) => id === '0')?.[2]
  const cpu = lines.find(([, controllers]) => controllers?.split(',').includes('cpu'))?.[2]
  return [
    ...(unified === undefined ? [] : [`/sys/fs/cgroup${unified}`]),
    '/sys/fs/cgroup',
    ...(cpu === undefined ? [] : [`/sys/fs/cgroup/cpu${cpu}`]),
    '/sys/fs/cgroup/cpu',
  ]
}

function quotaOf({ readText }: Pick<ProcessFacts, 'readText'>, folder: string): number | undefined {
  const max = readText(`${folder}/cpu.max`)
  if (max !== undefined) return parseCpuMax(max)
  const quota = readText(`${folder}/cpu.cfs_quota_us`)
  const period = readText(`${folder}/cpu.cfs_period_us`)
  return quota === undefined || period === undefined ? undefined : ratioOf(quota, period)
}

/** `50000 100000`: 50 of every 100 milliseconds; `max 100000`: no quota. */
export function parseCpuMax(text: string): number | undefined {
  const [quota = '', period = ''] = text.trim().split(/\s+/)
  return ratioOf(quota, period)
}

/** Version 2 counts microseconds (`throttled_usec`), version 1 nanoseconds (`throttled_time`). */
export function parseThrottled(text: string): number {
  const micros = /^throttled_usec (\d+)$/m.exec(text)?.[1]
  if (micros !== undefined) return Number(micros) / 1e3
  const nanos = /^throttled_time (\d+)$/m.exec(text)?.[1]
  return nanos === undefined ? 0 : Number(nanos) / 1e6
}

/** No quota is `max`, or -1. */
function ratioOf(quota: string, period: string): number | undefined {
  const processors = Number(quota) / Number(period)
  return Number.isFinite(processors) && processors > 0 ? processors : undefined
}
