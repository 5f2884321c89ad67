import type { Clock } from './clock.ts'
import { longestTimerMs, systemClock } from './clock.ts'
import { isSpillwayError, SpillwayError } from './errors.ts'

/** ``Expected `queue.maxSize` to be a positive integer, got -1 (number)`` */
export function invalidOption(name: string, expected: string, value: unknown): SpillwayError {
  return new SpillwayError('SPW_ERR_OPTION', {
    message: `Expected \`${name}\` to be ${expected}, got ${describe(value)}`,
  })
}

/** Runs `parse`; an error of ours that it throws says before its message where that was. */
export function parsedAt<T>(place: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!isSpillwayError(cause)) throw cause
    throw new SpillwayError(cause.code, { message: `${place}: ${cause.message}`, cause })
  }
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'string') return `${JSON.stringify(truncate(value))} (string)`
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function') return 'a function'
  return `${String(value)} (${typeof value})`
}

function truncate(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** A finite number within `[min, max]`. */
export function numberBetween(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw invalidOption(name, rangeText('a number', min, max), value)
}

/** A whole number within `[min, max]`. */
export function integerBetween(name: string, value: unknown, min: number, max: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number
  }
  throw invalidOption(name, rangeText('an integer', min, max), value)
}

function rangeText(kind: string, min: number, max: number): string {
  if (max < Number.MAX_SAFE_INTEGER) return `${kind} from ${min} to ${max}`
  if (min === 1 && kind === 'an integer') return 'a positive integer'
  return `${kind} of at least ${min}`
}

export function positiveInteger(name: string, value: unknown): number {
  return integerBetween(name, value, 1, Number.MAX_SAFE_INTEGER)
}

/** A duration in milliseconds, at least `min`, that a timer can hold. */
export function milliseconds(name: string, value: unknown, min = 0): number {
  if (typeof value === 'number' && value >= min && value <= longestTimerMs) return value
  const isTooLong = typeof value === 'number' && value > longestTimerMs
  const bound = isTooLong ? `at most ${longestTimerMs}` : `at least ${min}`
  throw invalidOption(name, `a number of milliseconds of ${bound}`, value)
}

/** 0..1. */
export function ratio(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw invalidOption(name, 'a ratio from 0 to 1', value)
}

export function oneOf<const T extends string>(name: string, value: unknown, all: readonly T[]): T {
  if (all.includes(value as T)) return value as T
  throw invalidOption(name, `one of ${all.map((item) => `'${item}'`).join(', ')}`, value)
}

export function nonEmptyString(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length > 0) return value
  throw invalidOption(name, 'a non-empty string', value)
}

// oxlint-disable-next-line typescript/no-unsafe-function-type -- a checker cannot know the signature
export function functionOption<T extends Function>(name: string, value: T): T {
  if (typeof value === 'function') return value
  throw invalidOption(name, 'a function', value)
}

export function booleanOption(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalidOption(name, 'true or false', value)
}

export function objectOption<T extends object>(name: string, value: T): T {
  if (typeof value === 'object' && value !== null) return value
  throw invalidOption(name, 'an object', value)
}

const clockMethods = ['now', 'wallNow', 'setTimer', 'clearTimer'] as const

/** A clock that can do all that is asked of one; the process's own when none is given. */
export function clockOption(value: Clock = systemClock): Clock {
  const methods: Partial<Clock> = objectOption('clock', value)
  if (clockMethods.every((method) => typeof methods[method] === 'function')) return value
  throw invalidOption('clock', `a clock with ${clockMethods.join(', ')}`, value)
}

/**
 * The object itself, when it is a plain object that has no key but `known`. A mistyped option that
 * is silently ignored is a default nobody chose, so an unknown key is an error.
 */
export function knownKeys<T extends object>(
  name: string,
  value: T,
  known: readonly (keyof T & string)[],
): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidOption(name, 'an object', value)
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key as keyof T & string)) throw unknownOption(name, key, known)
  }
  return value
}

export function unknownOption(name: string, key: string, known: readonly string[]): SpillwayError {
  return new SpillwayError('SPW_ERR_OPTION', {
    message: `Unknown option \`${name}.${truncate(key)}\`, expected one of ${known.join(', ')}`,
  })
}
