import { knownKeys } from '../options.ts'
import { cpuAllowance } from './cgroup-cpu.ts'
import type { CpuAllowance } from './cgroup-cpu.ts'
import type { Interval, Signal, SignalContext, SignalReader, Thresholds } from './signal.ts'
import { parseThresholds, pressureBetween } from './signal.ts'

export interface CpuUsedOptions extends Thresholds {
  /** Part of the processor time allowed from which there is pressure. @default 0.9 */
  readonly from?: number
  /** And at which it is 1. @default 1 */
  readonly to?: number
}

/** Part of the time stood still, by the kernel's throttling, from which there is pressure, and is 1. */
const throttling = { from: 0.05, to: 0.5 }
/** The group's files are read this often: a quota hardly ever changes, and reading blocks. */
const rereadMs = 1000

/**
 * Processor time of the process against the tightest quota of its control groups, version 1 or 2; or
 * how much of the time the kernel kept one of them standing still, if that is worse. Without a quota,
 * against all processors: a single thread never uses them up, and `eventLoopDelay` is what tells its
 * load.
 */
export function cpuUsed(options: CpuUsedOptions = {}): Signal {
  knownKeys('cpuUsed', options, ['from', 'to'])
  const thresholds = parseThresholds(options, { from: 0.9, to: 1 }, 1)
  return { name: 'cpuUsed', start: ({ process }) => new CpuReader(thresholds, process) }
}

class CpuReader implements SignalReader {
  readonly #thresholds: Required<Thresholds>
  readonly #process: SignalContext['process']
  #allowance: CpuAllowance | undefined
  #allowanceAt = -Infinity
  #cpuMs: number
  #throttledRatio = 0

  constructor(thresholds: Required<Thresholds>, process: SignalContext['process']) {
    this.#thresholds = thresholds
    this.#process = process
    this.#cpuMs = process.cpuMs()
  }

  read({ now, durationMs }: Interval): number {
    if (now - this.#allowanceAt >= rereadMs) this.#reread(now)
    const cpuMs = this.#process.cpuMs()
    const processors = Math.min(this.#allowance?.processors ?? Infinity, this.#process.processors())
    const used = (cpuMs - this.#cpuMs) / durationMs / processors
    this.#cpuMs = cpuMs
    return Math.max(
      pressureBetween(used, this.#thresholds),
      pressureBetween(this.#throttledRatio, throttling),
    )
  }

  woke(now: number): void {
    this.#cpuMs = this.#process.cpuMs()
    this.#allowance = cpuAllowance(this.#process)
    this.#allowanceAt = now
    this.#throttledRatio = 0
  }

  #reread(now: number): void {
    const before = this.#allowance
    const present = cpuAllowance(this.#process)
    this.#allowance = present
    // What was throttled before anybody looked is not of this time.
    const isKnown = before !== undefined && present !== undefined
    const stoodMs = isKnown ? present.throttledMs - before.throttledMs : 0
    this.#throttledRatio = isKnown ? stoodMs / (now - this.#allowanceAt) : 0
    this.#allowanceAt = now
  }
}
