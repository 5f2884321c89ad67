import { knownKeys } from '../options.ts'
import type { Signal, Thresholds } from './signal.ts'
import { parseThresholds, pressureBetween } from './signal.ts'

export interface MemoryUsedOptions extends Thresholds {
  /** Part of the container's memory from which there is pressure. @default 0.85 */
  readonly from?: number
  /** And at which it is 1. @default 0.97: at 1 the kernel ends the process */
  readonly to?: number
}

/**
 * The resident memory of the process against the limit of its control group, version 1 or 2 (else the
 * machine's memory). Not the group's own count, which holds the page cache that the kernel takes back
 * when it is needed. Unknown, hence no pressure, where nothing limits it.
 */
export function memoryUsed(options: MemoryUsedOptions = {}): Signal {
  knownKeys('memoryUsed', options, ['from', 'to'])
  const thresholds = parseThresholds(options, { from: 0.85, to: 0.97 }, 1)
  return {
    name: 'memoryUsed',
    start: ({ process }) => ({
      read: () => {
        const limitBytes = process.memoryLimitBytes()
        // Where there is no limit, kernels report either nothing or more than any machine has.
        if (!(limitBytes > 0 && limitBytes < Number.MAX_SAFE_INTEGER)) return undefined
        return pressureBetween(process.rssBytes() / limitBytes, thresholds)
      },
    }),
  }
}
