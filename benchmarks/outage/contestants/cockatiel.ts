import {
  circuitBreaker,
  handleAll,
  SamplingBreaker,
  timeout,
  TimeoutStrategy,
  wrap,
} from 'cockatiel'
import type { Contestant } from './contestant.ts'
import { queryOf } from './contestant.ts'

/** Breaker and timeout, composed as in its README; window, volume and open time as for opossum. */
export const cockatiel: Contestant = {
  name: 'cockatiel',
  makeClient: (pool, patienceMs) => {
    const query = queryOf(pool, patienceMs)
    const breaker = new SamplingBreaker({ threshold: 0.5, duration: 1000, minimumRps: 10 })
    const policy = wrap(
      circuitBreaker(handleAll, { halfOpenAfter: 500, breaker }),
      timeout(patienceMs, TimeoutStrategy.Aggressive),
    )
    return { ask: (onSent) => policy.execute(async () => query(onSent)), close: () => undefined }
  },
}
