import { deadlineHeader, formatDeadlineHeader, priorityHeader } from '@spillway/core'
import type { RunningCall } from './running-call.ts'

/**
 * The headers by which an HTTP service behind a guard learns how long its answer is of use and how
 * important it is: what is left at this moment. `default` is what everything is that nobody has
 * classified, so it is not said: the other service knows its own routes better. Nor is what a caller
 * has said that anybody may be: there it would pass for the word of this service.
 *
 * `guardedFetch` sends them by itself; this is for other HTTP clients.
 */
export function callHeaders({
  deadlineMs,
  priority,
}: Pick<RunningCall, 'deadlineMs' | 'priority'>): Record<string, string> {
  const headers: Record<string, string> =
    deadlineMs === Infinity ? {} : { [deadlineHeader]: formatDeadlineHeader(deadlineMs) }
  return priority === 'default' ? headers : { ...headers, [priorityHeader]: priority }
}
