import { invalidOption, nonEmptyString, numberBetween } from '../options.ts'
import type { ProcessFacts } from './process-facts.ts'

/** The time since the reading before. */
export interface Interval {
  /** Monotonic milliseconds. */
  readonly now: number
  readonly durationMs: number
  /** By how much it is longer than it should be: what the event loop was late by. */
  readonly lateMs: number
}

/** A running signal of one load shedder. */
export interface SignalReader {
  /**
   * The pressure of the interval that has just ended: 0 none, 1 as much as can be borne; undefined
   * where it cannot be known. Called off the way of requests.
   */
  read(interval: Interval): number | undefined
  /** The process stood still until now: what is remembered of before says nothing. */
  woke?(now: number): void
}

/** What a signal is given when its load shedder is made. */
export interface SignalContext {
  readonly process: ProcessFacts
}

/** Something that tells how hard-pressed the process is. */
export interface Signal {
  /** Appears in refusals, stats and metrics. */
  readonly name: string
  /** A reader for one load shedder: an options object that is used twice shares no state. */
  start(context: SignalContext): SignalReader
}

/**
 * The reading of a signal of one's own: 0 no pressure, 1 as much as can be borne. Its own name is the
 * signal's. What is no number, or negative, is ignored and counted; more than 1 is 1.
 */
export type SignalFunction = () => number

/** From which reading on there is pressure, and at which it is 1. */
export interface Thresholds {
  readonly from?: number
  readonly to?: number
}

/** @throws SPW_ERR_OPTION when a threshold is out of range, or they are out of order */
export function parseThresholds(
  { from, to }: Thresholds,
  defaults: Required<Thresholds>,
  max: number,
): Required<Thresholds> {
  const first = numberBetween('from', from ?? defaults.from, 0, max)
  const last = numberBetween('to', to ?? defaults.to, 0, max)
  if (first < last) return { from: first, to: last }
  throw invalidOption('to', `more than \`from\` (${first})`, last)
}

/** Where a reading lies between the thresholds, 0 to 1. */
export function pressureBetween(reading: number, { from, to }: Required<Thresholds>): number {
  return Math.min(1, Math.max(0, (reading - from) / (to - from)))
}

/** @throws SPW_ERR_OPTION for what is neither a signal nor a named function, or for a name twice */
export function parseSignals(signals: readonly (Signal | SignalFunction)[]): readonly Signal[] {
  if (!Array.isArray(signals)) throw invalidOption('signals', 'an array of signals', signals)
  const parsed = signals.map((one: Signal | SignalFunction, index) =>
    parseSignal(one, `signals[${index}]`),
  )
  const names = parsed.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalidOption('signals', 'signals of different names', twice)
  return parsed
}

function parseSignal(value: Signal | SignalFunction, place: string): Signal {
  if (typeof value === 'function') {
    return { name: nonEmptyString(`${place}.name`, value.name), start: () => ({ read: value }) }
  }
  if (typeof (value as Partial<Signal> | null)?.start !== 'function') {
    throw invalidOption(place, 'a signal, such as heapUsed(), or a named function', value)
  }
  nonEmptyString(`${place}.name`, value.name)
  return value
}
