import { integerBetween, knownKeys, milliseconds } from '../options.ts'
import type { Limit, LimitFactory, Sample } from './limit.ts'

export interface WindowedOptions {
  /**
   * Shortest window in milliseconds; a window is at least twice as long as its fastest call, so
   * that calls begun in it also end in it. @default 1000, the original's
   */
  readonly windowMs?: number
  /** Fewer calls than this say nothing: the window goes on. @default 10, the original's */
  readonly minSamples?: number
}

/** What one window amounts to. */
interface Window {
  readonly count: number
  readonly sumMs: number
  readonly minMs: number
  readonly inFlight: number
  readonly dropped: boolean
}

const emptyWindow: Window = { count: 0, sumMs: 0, minMs: Infinity, inFlight: 0, dropped: false }

/**
 * Shows another limit one averaged sample per window instead of every call: mean duration, highest
 * in-flight, and whether anything was dropped. One lucky fast call then no longer becomes the
 * baseline. After WindowedLimit of Netflix's concurrency-limits. Windows end with the first sample
 * that comes late enough; there is no timer.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or out of range
 */
export function windowedLimit(inner: LimitFactory, options: WindowedOptions = {}): LimitFactory {
  knownKeys('windowedLimit', options, ['windowMs', 'minSamples'])
  const { windowMs = 1000, minSamples = 10 } = options
  milliseconds('windowMs', windowMs, 1)
  integerBetween('minSamples', minSamples, 1, Number.MAX_SAFE_INTEGER)
  return (context) => new WindowedLimit(inner(context), windowMs, minSamples, context.clock.now())
}

class WindowedLimit implements Limit {
  readonly #inner: Limit
  readonly #windowMs: number
  readonly #minSamples: number
  #window = emptyWindow
  #startedAt: number

  constructor(inner: Limit, windowMs: number, minSamples: number, now: number) {
    this.#inner = inner
    this.#windowMs = windowMs
    this.#minSamples = minSamples
    this.#startedAt = now
  }

  get algorithm(): string {
    return this.#inner.algorithm
  }

  get current(): number {
    return this.#inner.current
  }

  get reason(): string {
    return this.#inner.reason
  }

  at(now: number): number {
    return this.#inner.at(now)
  }

  onSample(sample: Sample, now: number): void {
    if (sample.outcome === 'ignored') return
    this.#window = widen(this.#window, sample)
    if (!this.#isOver(now)) return
    this.#inner.onSample(summary(this.#window, sample, this.#startedAt), now)
    this.#window = emptyWindow
    this.#startedAt = now
  }

  #isOver(now: number): boolean {
    const { count, minMs } = this.#window
    if (count < this.#minSamples) return false
    return now - this.#startedAt >= Math.max(this.#windowMs, 2 * minMs)
  }
}

function widen(window: Window, { durationMs, inFlight, outcome }: Sample): Window {
  return {
    count: window.count + 1,
    sumMs: window.sumMs + durationMs,
    minMs: Math.min(window.minMs, durationMs),
    inFlight: Math.max(window.inFlight, inFlight),
    dropped: window.dropped || outcome === 'dropped',
  }
}

function summary(window: Window, last: Sample, startedAt: number): Sample {
  return {
    startedAt,
    durationMs: window.sumMs / window.count,
    waitedMs: last.waitedMs,
    inFlight: window.inFlight,
    outcome: window.dropped ? 'dropped' : 'success',
    workload: last.workload,
    patienceMs: last.patienceMs,
  }
}
