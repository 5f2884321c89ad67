import { channels } from '../channels.ts'
import type { LoadShed } from '../channels.ts'
import type { Clock, TimerHandle } from '../clock.ts'
import type { AcquireOptions, Refusal, Waiting } from '../limiter/admission.ts'
import type { Mode } from '../mode.ts'
import { modeOption } from '../mode.ts'
import { clockOption, functionOption, knownKeys, milliseconds, nonEmptyString } from '../options.ts'
import type { Priority } from '../priority.ts'
import { checkPriority, perPriority, rankOf } from '../priority.ts'
import { eventLoopDelay } from './event-loop-delay.ts'
import { FreezeDetector } from './freeze.ts'
import { Gauge } from './gauge.ts'
import { heapUsed } from './heap-used.ts'
import type {
  LoadShedder,
  LoadShedderOptions,
  LoadShedderStats,
  ShedRefusal,
} from './load-shedder.ts'
import { memoryUsed } from './memory-used.ts'
import { processFacts } from './process-facts.ts'
import type { Runnable } from './runnable.ts'
import { RunQueue } from './run-queue.ts'
import { runQueuePressure } from './run-queue-pressure.ts'
import { leastPressure, shedRatio } from './shed-ratio.ts'
import { parseSignals } from './signal.ts'

const keys = ['name', 'signals', 'sampleIntervalMs', 'mode', 'clock', 'random', 'process'] as const

/**
 * Makes a load shedder and begins to read its signals.
 *
 * @throws SPW_ERR_OPTION when an option is unknown or wrong
 */
export function createLoadShedder(options: LoadShedderOptions = {}): LoadShedder {
  const { clock, process = processFacts, mode } = knownKeys('options', options, keys)
  return new SamplingShedder({
    name: nonEmptyString('name', options.name ?? 'process'),
    signals: options.signals ?? [eventLoopDelay(), heapUsed(), memoryUsed()],
    sampleIntervalMs: milliseconds('sampleIntervalMs', options.sampleIntervalMs ?? 100, 1),
    mode: modeOption('mode', mode === undefined ? 'enforce' : mode),
    // oxlint-disable-next-line no-restricted-properties -- the default of an injected source
    random: functionOption('random', options.random ?? Math.random),
    clock: clockOption(clock),
    process,
  })
}

/** Refusals tell callers to stay away for about as long as an overload takes to be over. */
const retryAfterMs = 1000

class SamplingShedder implements LoadShedder {
  readonly name: string
  readonly #clock: Clock
  readonly #random: () => number
  readonly #intervalMs: number
  /** Of the signals, which decide. */
  readonly #gauges: readonly Gauge[]
  readonly #runQueue: RunQueue
  /** Of those who wait; tells, and decides nothing. */
  readonly #queueGauge: Gauge
  readonly #freeze: FreezeDetector
  readonly #admitted = perPriority(() => 0)
  readonly #refused = perPriority(() => 0)
  /** Of those whom no signal refused, those who had to wait: they are let in when they are run. */
  readonly #entered = perPriority(() => 0)
  readonly #wouldHaveRefused = perPriority(() => 0)
  #mode: Mode
  #timer: TimerHandle
  #sampledAt: number
  #frozen = 0
  #isClosed = false
  /** The signal that decides, while its pressure is high enough for anybody to be refused. */
  #decisive: Gauge | undefined

  constructor(options: Required<LoadShedderOptions>) {
    const { name, clock, random, process, sampleIntervalMs, mode } = options
    this.name = name
    this.#clock = clock
    this.#random = random
    this.#intervalMs = sampleIntervalMs
    this.#mode = mode
    this.#gauges = parseSignals(options.signals).map((signal) => new Gauge(signal, { process }))
    this.#runQueue = new RunQueue({ name, mode, clock, process })
    this.#queueGauge = new Gauge(runQueuePressure(this.#runQueue), { process })
    this.#sampledAt = clock.now()
    this.#freeze = new FreezeDetector(process, this.#sampledAt)
    this.#schedule()
  }

  get mode(): Mode {
    return this.#mode
  }

  set mode(mode: Mode) {
    this.#mode = modeOption('mode', mode)
    if (!this.#isClosed) this.#runQueue.mode = mode
  }

  get pressure(): number {
    return Math.max(...this.#allGauges.map(({ pressure }) => pressure))
  }

  decide(priority: Priority): ShedRefusal | undefined {
    checkPriority(priority)
    if (this.#mode === 'off' || this.#isClosed) return undefined
    const now = this.#clock.now()
    if (this.#freeze.hasFrozen(now)) this.#wake(now)
    const gauge = this.#decisive
    if (gauge === undefined || !this.#isUnlucky(gauge.pressure, priority)) {
      this.#admitted[priority] += 1
      return undefined
    }
    return this.#refuse(priority, gauge)
  }

  mayRun(): boolean {
    return this.#runQueue.mayRun(this.#clock.now())
  }

  enter(options: AcquireOptions, request: Runnable): Waiting | Refusal | undefined {
    this.#entered[options.priority ?? 'default'] += 1
    return this.#runQueue.enter(options, request)
  }

  stats(): LoadShedderStats {
    const { ran, refused } = this.#runQueue.counts
    return {
      name: this.name,
      mode: this.#mode,
      pressure: this.pressure,
      signals: Object.fromEntries(this.#gauges.map((gauge) => [gauge.name, gauge.stats()])),
      admitted: perPriority((one) => this.#admitted[one] - this.#entered[one] + ran[one]),
      refused: perPriority((one) => this.#refused[one] + refused[one]),
      wouldHaveRefused: { ...this.#wouldHaveRefused },
      runQueue: { ...this.#runQueue.stats(), pressure: this.#queueGauge.pressure },
      frozen: this.#frozen,
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#clock.clearTimer(this.#timer)
    this.#runQueue.close()
  }

  get #allGauges(): readonly Gauge[] {
    return [this.#queueGauge, ...this.#gauges]
  }

  #isUnlucky(pressure: number, priority: Priority): boolean {
    const ratio = shedRatio(pressure, rankOf(priority))
    return ratio > 0 && this.#random() < ratio
  }

  #refuse(priority: Priority, gauge: Gauge): ShedRefusal | undefined {
    const isEnforced = this.#mode === 'enforce'
    if (isEnforced) this.#refused[priority] += 1
    else this.#wouldHaveRefused[priority] += 1
    this.#publish(priority, gauge, isEnforced)
    if (!isEnforced) return undefined
    return { kind: 'refusal', reason: gauge.name, code: 'SPW_ERR_OVERLOADED', retryAfterMs }
  }

  #publish(priority: Priority, { name, pressure }: Gauge, enforced: boolean): void {
    if (!channels.loadShed.hasSubscribers) return
    channels.loadShed.publish({
      shedder: this.name,
      priority,
      signal: name,
      pressure,
      enforced,
    } satisfies LoadShed)
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(() => {
      this.#sample()
      this.#schedule()
    }, this.#intervalMs)
  }

  #sample(): void {
    const now = this.#clock.now()
    if (this.#freeze.hasFrozen(now)) {
      this.#wake(now)
      return
    }
    this.#freeze.remember()
    const durationMs = now - this.#sampledAt
    const interval = { now, durationMs, lateMs: Math.max(0, durationMs - this.#intervalMs) }
    this.#sampledAt = now
    for (const gauge of this.#allGauges) gauge.read(interval)
    this.#decisive = this.#highest()
  }

  #highest(): Gauge | undefined {
    const [first] = this.#gauges.toSorted((a, b) => b.pressure - a.pressure)
    return first !== undefined && first.pressure > leastPressure ? first : undefined
  }

  /** The process has stood still until now: that it did nothing is no sign of overload. */
  #wake(now: number): void {
    this.#frozen += 1
    this.#sampledAt = now
    for (const gauge of this.#allGauges) gauge.woke(now)
    this.#runQueue.woke(now)
  }
}
