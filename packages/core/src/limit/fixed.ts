import { positiveInteger } from '../options.ts'
import type { LimitFactory } from './limit.ts'

/**
 * A limit that never moves: a bulkhead. The right one when the downstream's concurrency is known
 * and does not change, for example a licence for four connections.
 *
 * @throws SPW_ERR_OPTION when `limit` is not a positive integer
 */
export function fixedLimit(limit: number): LimitFactory {
  positiveInteger('limit', limit)
  return () => ({
    algorithm: 'fixed',
    current: limit,
    reason: 'fixed',
    at: () => limit,
    onSample: () => {},
  })
}
