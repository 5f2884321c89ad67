import { invalidOption } from './options.ts'

/** How important a call is, most important first. */
export const priorities = ['critical', 'high', 'default', 'low'] as const

/**
 * - `critical`: the business stops without it (an order, a login).
 * - `high`: a user waits for it.
 * - `default`: everything nobody has classified.
 * - `low`: can be done later or not at all (prefetch, batch, crawlers).
 */
export type Priority = (typeof priorities)[number]

/** 0 is the most important. */
export type PriorityRank = 0 | 1 | 2 | 3

/** Number of priorities, for arrays that are indexed by rank. */
export const priorityCount: number = priorities.length

const ranks: Readonly<Record<Priority, PriorityRank>> = { critical: 0, high: 1, default: 2, low: 3 }

/** The rank of a priority: smaller is served first. */
export function rankOf(priority: Priority): PriorityRank {
  return ranks[priority]
}

/** Whether an untrusted value (a header, a config entry) names a priority. */
export function isPriority(value: unknown): value is Priority {
  return typeof value === 'string' && Object.hasOwn(ranks, value)
}

/**
 * For callers without types: a priority that does not exist would be served in no order at all.
 *
 * @throws SPW_ERR_OPTION
 */
export function checkPriority(priority: Priority): void {
  // Not `!== undefined`: 'toString' is found as well.
  if (typeof ranks[priority] === 'number') return
  throw invalidOption('priority', `one of '${priorities.join("', '")}'`, priority)
}

/** A value for each priority. */
export function perPriority<T>(make: (priority: Priority) => T): Record<Priority, T> {
  return Object.fromEntries(priorities.map((priority) => [priority, make(priority)])) as never
}
