import type { AdaptiveThrottle, RetryBudget } from '@spillway/core'
import { createAdaptiveThrottle, createRetryBudget } from '@spillway/core'
import type { ParsedOptions } from './options.ts'

/** What is remembered of one origin. */
export interface Origin {
  readonly budget: RetryBudget
  readonly throttle: AdaptiveThrottle | undefined
}

/** The origins that were asked last, at most `maxOrigins`. */
export class Origins {
  readonly #options: ParsedOptions
  // In the order of their last use.
  readonly #origins = new Map<string, Origin>()

  constructor(options: ParsedOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#origins.size
  }

  get(name: string): Origin {
    const origin = this.#origins.get(name) ?? this.#create()
    this.#origins.delete(name)
    this.#origins.set(name, origin)
    if (this.#origins.size > this.#options.maxOrigins) this.#forgetOldest()
    return origin
  }

  #create(): Origin {
    const { retryRatio, windowMs, throttle, random, clock } = this.#options
    return {
      budget: createRetryBudget({ retryRatio, windowMs, clock }),
      throttle: throttle ? createAdaptiveThrottle({ random, clock }) : undefined,
    }
  }

  /** An origin that comes back has an empty budget: being forgotten is no way to more retries. */
  #forgetOldest(): void {
    for (const name of this.#origins.keys()) {
      this.#origins.delete(name)
      return
    }
  }
}
