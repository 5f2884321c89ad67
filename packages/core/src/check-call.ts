import { invalidOption, objectOption } from './options.ts'

/** What a caller says about a call to whatever it asks. */
interface TimedCall {
  readonly deadlineMs?: number | undefined
  readonly callerDeadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * For callers without types. Comes before anything is taken for the call: an error in the midst of it
 * would leave a permit taken. Any number will do, since what is not a number leaves no time. Keys that
 * are not known here may be known elsewhere: options of one call are handed on to another.
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
