import {
  checkAcquireOptions,
  deadlineHeader,
  formatDeadlineHeader,
  priorityHeader,
} from '@spillway/core'
import type { CallOptions } from './call-options.ts'

/**
 * The headers by which an HTTP service behind a guard learns how long its answer is of use and how
 * important it is: what is left at this moment. `default` is what everything is that nobody has
 * classified, so it is not said: the other service knows its own routes better. Nor is what a caller
 * has said that anybody may be: there it would pass for the word of this service.
 *
 * `guardedFetch` sends them by itself; this is for other HTTP clients. `request.callOptions` fits, too.
 *
 * @throws SPW_ERR_OPTION
 */
export function callHeaders(
  call: Pick<CallOptions, 'deadlineMs' | 'priority'>,
): Record<string, string> {
  checkAcquireOptions(call)
  const { deadlineMs = Infinity, priority = 'default' } = call
  const headers: Record<string, string> =
    deadlineMs === Infinity ? {} : { [deadlineHeader]: formatDeadlineHeader(deadlineMs) }
  return priority === 'default' ? headers : { ...headers, [priorityHeader]: priority }
}
