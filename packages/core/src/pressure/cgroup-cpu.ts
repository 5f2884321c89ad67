import { groupFolders } from './control-groups.ts'
import type { ProcessFacts } from './process-facts.ts'

/** What the control group allows the process, and what it took away. */
export interface CpuAllowance {
  /** Processors that may be used at once, 0.5 for half of one. */
  readonly processors: number
  /** Milliseconds, since the group was made, in which somebody of it had to stand still. */
  readonly throttledMs: number
}

/**
 * As in Linux's cgroup-v2 and cgroup-v1 documentation: the tightest quota of all groups that the process
 * is in, and what each of them took away; undefined where there is no quota.
 */
export function cpuAllowance(facts: Pick<ProcessFacts, 'readText'>): CpuAllowance | undefined {
  const bounded = groupFolders(facts, 'cpu').flatMap((folder) => {
    const processors = quotaOf(facts, folder)
    const throttledMs = (): number => parseThrottled(facts.readText(`${folder}/cpu.stat`) ?? '')
    return processors === undefined ? [] : [{ processors, throttledMs: throttledMs() }]
  })
  if (bounded.length === 0) return undefined
  return {
    processors: Math.min(...bounded.map(({ processors }) => processors)),
    throttledMs: bounded.reduce((sum, { throttledMs }) => sum + throttledMs, 0),
  }
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
