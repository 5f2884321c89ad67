import { channels } from '../channels.ts'
import type { LimitChanged, LimiterRefused } from '../channels.ts'
import type { Limit } from '../limit/limit.ts'
import type { Limiter } from './limiter.ts'

/** Tells whoever listens of a refusal. */
export function publishRefusal(
  { name, inFlight, queued }: Pick<Limiter, 'name' | 'inFlight' | 'queued'>,
  limit: Limit,
  refusal: Pick<LimiterRefused, 'priority' | 'reason' | 'enforced'>,
): void {
  if (!channels.limiterRefused.hasSubscribers) return
  channels.limiterRefused.publish({
    limiter: name,
    ...refusal,
    limit: limit.current,
    inFlight,
    queued,
  } satisfies LimiterRefused)
}

/** Tells whoever listens that the limit has moved. */
export function publishLimitChange(
  limiter: string,
  from: number,
  { current, reason }: Limit,
): void {
  if (!channels.limitChanged.hasSubscribers) return
  channels.limitChanged.publish({ limiter, from, to: current, reason } satisfies LimitChanged)
}
