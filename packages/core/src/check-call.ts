import { invalidOption, objectOption, unknownOption } from './options.ts'

/** What a caller says about a call to whatever it asks. */
interface TimedCall {
  readonly deadlineMs?: number | undefined
  readonly callerDeadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What limiter, guard, breaker and retries know together: options of a call to one go to another, too. */
const callKeys = [
  'priority',
  'deadlineMs',
  'callerDeadlineMs',
  'maxWaitMs',
  'partition',
  'workload',
  'signal',
  'permit',
  'mayExceed',
  'idempotent',
] as const
const known: ReadonlySet<string> = new Set(callKeys)

/**
 * The options that somebody has written down. A mistyped one that is silently ignored is a deadline that
 * nobody keeps. An object of a class, such as a running call, has more to it than options; but a
 * request is no options at all.
 *
 * @throws SPW_ERR_OPTION
 */
export function knownCallOptions<T extends object>(options: T): T {
  if (Object.getPrototypeOf(objectOption('options', options)) !== Object.prototype) {
    return optionsOfClass(options)
  }
  for (const key in options) {
    if (!known.has(key)) throw unknownOption('options', key, callKeys)
  }
  return options
}

/**
 * What has no keys to check, but is no list and no request: `run(work, request)` where
 * `request.callOptions` was meant. A request of Fastify has a priority and a signal too, so no type
 * checker minds; but no deadline, and its signal aborts once the body is read.
 */
function optionsOfClass<T extends object>(options: T): T {
  if (Array.isArray(options)) throw invalidOption('options', 'an object', options)
  if (!('raw' in options && 'headers' in options)) return options
  throw invalidOption('options', 'options of a call, such as `request.callOptions`', options)
}

/**
 * For callers without types. Comes before anything is taken for the call: an error in the midst of it
 * would leave a permit taken. Any number will do, since what is not a number leaves no time.
 *
 * @throws SPW_ERR_OPTION
 */
export function checkTimedCall(options: TimedCall): void {
  const { deadlineMs, callerDeadlineMs, signal } = objectOption('options', options)
  checkTime('deadlineMs', deadlineMs)
  checkTime('callerDeadlineMs', callerDeadlineMs)
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidOption('signal', 'an AbortSignal', signal)
  }
}

/** @throws SPW_ERR_OPTION */
export function checkTime(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'number') return
  throw invalidOption(name, 'a number of milliseconds', value)
}

/** @throws SPW_ERR_OPTION */
export function checkName(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'string') return
  throw invalidOption(name, 'a string', value)
}

/** By what is called of it: those of other realms and of polyfills are good, too. */
function isAbortSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  )
}
