import { retryBudget, retryHeader } from '@spillway/guard/undici'
import { interceptors } from 'undici'
import type { Dispatcher } from 'undici'

/** How every hop of the chain retries, and what it tells its caller when it has failed. */
export interface Variant {
  readonly name: string
  readonly retries: () => Dispatcher.DispatcherComposeInterceptor
  readonly failureHeaders: Readonly<Record<string, string>>
}

export const variants: readonly Variant[] = [
  {
    name: 'three tries each',
    retries: () => interceptors.retry({ maxRetries: 2, minTimeout: 20, throwOnError: false }),
    failureHeaders: {},
  },
  {
    name: 'retry budget',
    retries: () => retryBudget({ baseDelayMs: 20 }),
    failureHeaders: { [retryHeader]: 'no' },
  },
]
