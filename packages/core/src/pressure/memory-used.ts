import { knownKeys } from '../options.ts'
import { isMemoryLimit, memoryAllowance } from './cgroup-memory.ts'
import type { Interval, Signal, SignalContext, SignalReader, Thresholds } from './signal.ts'
import { parseThresholds, pressureBetween } from './signal.ts'

export interface MemoryUsedOptions extends Thresholds {
  /** Part of the container's memory from which there is pressure. @default 0.85 */
  readonly from?: number
  /** And at which it is 1. @default 0.97: at 1 the kernel ends the process */
  readonly to?: number
}

/** The groups' files are read this often: a limit hardly ever changes, and reading blocks. */
const rereadMs = 1000

/**
 * The resident memory of the process against the tightest limit of its control groups, version 1 or 2
 * (else the machine's memory). Not the group's own count, which holds the page cache that the kernel
 * takes back when it is needed. Unknown, hence no pressure, where nothing limits it.
 */
export function memoryUsed(options: MemoryUsedOptions = {}): Signal {
  knownKeys('memoryUsed', options, ['from', 'to'])
  const thresholds = parseThresholds(options, { from: 0.85, to: 0.97 }, 1)
  return { name: 'memoryUsed', start: ({ process }) => new MemoryReader(thresholds, process) }
}

class MemoryReader implements SignalReader {
  readonly #thresholds: Required<Thresholds>
  readonly #process: SignalContext['process']
  #allowance: number | undefined
  #allowanceAt = -Infinity

  constructor(thresholds: Required<Thresholds>, process: SignalContext['process']) {
    this.#thresholds = thresholds
    this.#process = process
  }

  read({ now }: Interval): number | undefined {
    if (now - this.#allowanceAt >= rereadMs) {
      this.#allowance = memoryAllowance(this.#process)
      this.#allowanceAt = now
    }
    const limits = [this.#process.memoryLimitBytes(), this.#allowance ?? 0].filter(isMemoryLimit)
    if (limits.length === 0) return undefined
    return pressureBetween(this.#process.rssBytes() / Math.min(...limits), this.#thresholds)
  }
}
