import type { AcquireOptions, Pausable } from '@spillway/core'
import { checkAcquireOptions, invalidOption } from '@spillway/core'

/** What a caller says about one call; the wait is bounded by the deadline and the queue. */
export interface CallOptions extends Omit<AcquireOptions, 'maxWaitMs' | 'mayExceed'> {
  /**
   * The permit under which the caller itself runs, of a limiter in front. It pauses until the caller
   * goes on, so that one limiter never takes the queue of another for work of its own.
   */
  readonly permit?: Pausable | undefined
}

/** @throws SPW_ERR_OPTION */
export function checkOptions(options: CallOptions): void {
  checkAcquireOptions(options)
  const { permit } = options
  if (permit !== undefined && !isPausable(permit)) {
    throw invalidOption('permit', 'a permit, which can be paused', permit)
  }
}

function isPausable(value: Partial<Pausable> | null): boolean {
  return typeof value?.pause === 'function' && typeof value.resume === 'function'
}
