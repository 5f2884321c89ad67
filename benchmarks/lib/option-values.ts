import { UsageError } from '@spillway/example-slow-database/usage-error.ts'

/**
 * Some of `all`, in their order; everything when nothing is said.
 *
 * @throws UsageError for a name that is not among them
 */
export function chosen(
  option: string,
  value: string | undefined,
  all: readonly string[],
): readonly string[] {
  if (value === undefined) return all
  const names = value.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !all.includes(name))
  if (unknown === undefined) return all.filter((name) => names.includes(name))
  throw new UsageError(`Option ${option}: there is no ${unknown}; choose from ${all.join(', ')}.`)
}

/** @throws UsageError */
export function positiveInteger(option: string, value: string): number {
  if (/^[1-9]\d*$/.test(value)) return Number(value)
  throw new UsageError(`Option ${option} needs a whole number from 1, got ${value}.`)
}
