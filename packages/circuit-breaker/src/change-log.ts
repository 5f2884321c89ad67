import type { BreakerControl } from './breaker.ts'

/** As much of a logger as is needed here. */
export interface InfoLogger {
  info(fields: object, message: string): void
}

/** Writes each change of a circuit at info, as the plugins do for theirs. */
export function logStateChanges(
  breaker: Pick<BreakerControl, 'onStateChange'>,
  logger: InfoLogger,
): void {
  breaker.onStateChange((change) => {
    logger.info(change, 'circuit changed')
  })
}
