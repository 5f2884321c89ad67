import { oneOf } from './options.ts'

/** What a protection may do. */
export const modes = ['off', 'observe', 'enforce'] as const

/**
 * - `off`: decides nothing, learns nothing, refuses nothing.
 * - `observe`: decides, learns and counts as it would, and refuses nothing: to see what it would do
 *   before anybody feels it.
 * - `enforce`: refuses.
 */
export type Mode = (typeof modes)[number]

/** @throws SPW_ERR_OPTION when `value` names no mode */
export function modeOption(name: string, value: unknown): Mode {
  return oneOf(name, value, modes)
}
