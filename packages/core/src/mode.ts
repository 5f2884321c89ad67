import { oneOf } from './options.ts'

/** What a protection may do. */
export const modes = ['off', 'observe', 'enforce'] as const

/**
 * - `off`: nothing is counted, learned or refused.
 * - `observe`: decides and counts as it would, and refuses nothing: to see what it would do first.
 * - `enforce`: refuses.
 */
export type Mode = (typeof modes)[number]

/** @throws SPW_ERR_OPTION when `value` names no mode */
export function modeOption(name: string, value: unknown): Mode {
  return oneOf(name, value, modes)
}
