import { SpillwayError } from '@spillway/core'
import type { Dispatcher } from 'undici'
import { Attempts } from './attempts.ts'
import type { RetryBudgetInterceptorOptions } from './options.ts'
import { parseOptions } from './options.ts'
import { Origins } from './origins.ts'
import { StableController } from './stable-controller.ts'

export { retryHeader } from '@spillway/core'
export { attemptHeader } from './headers.ts'
export type { RetryBudgetInterceptorOptions } from './options.ts'

/**
 * An undici interceptor, `dispatcher.compose(retryBudget())`: sends again what is safe to send
 * again, within a budget per origin, and stops asking an origin that refuses.
 *
 * Safe are idempotent methods (RFC 9110, 9.2.2), requests with an `Idempotency-Key`, and whatever
 * was provably never sent; answers of 429, 502, 503 and 504 and broken connections are tried again,
 * as long as nothing of an answer has gone to the caller. When it gives up, the caller gets the last
 * answer or error as it is.
 *
 * @throws SPW_ERR_OPTION; a request that the throttle holds back fails with SPW_ERR_THROTTLED
 */
export function retryBudget(
  options: RetryBudgetInterceptorOptions = {},
): Dispatcher.DispatcherComposeInterceptor {
  const parsed = parseOptions(options)
  const origins = new Origins(parsed)
  return (dispatch) => (request, handler) => {
    const origin = origins.get(String(request.origin))
    if (origin.throttle?.tryAttempt() === false) return refuse(handler)
    origin.budget.countRequest()
    return new Attempts(request, dispatch, handler, origin, parsed).send()
  }
}

/**
 * Told to the handler, as undici tells its own refusals: what stands in front may have asked from a
 * callback of its own, where an error that is thrown ends the process, or wait for a word of it.
 */
function refuse(handler: Dispatcher.DispatchHandler): boolean {
  const nothing = new StableController(() => undefined)
  handler.onResponseError?.(nothing, new SpillwayError('SPW_ERR_THROTTLED'))
  return false
}
