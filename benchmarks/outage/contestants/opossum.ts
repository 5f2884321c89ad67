import CircuitBreaker from 'opossum'
import type { Contestant } from './contestant.ts'
import { queryOf } from './contestant.ts'

/** Its README's three options; window, volume and open time are those of our defaults. */
export const opossum: Contestant = {
  name: 'opossum',
  makeClient: (pool, patienceMs) => {
    const breaker = new CircuitBreaker(queryOf(pool, patienceMs), {
      timeout: patienceMs,
      errorThresholdPercentage: 50,
      resetTimeout: 500,
      rollingCountTimeout: 1000,
      volumeThreshold: 10,
    })
    return {
      ask: (onSent) => breaker.fire(onSent),
      close: () => {
        breaker.shutdown()
      },
    }
  },
}
