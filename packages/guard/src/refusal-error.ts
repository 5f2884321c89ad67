import { breakerError, notStartedError } from '@spillway/circuit-breaker'
import type { Refusal, SpillwayError } from '@spillway/core'
import { refusalError } from '@spillway/core'
import type { Circuit } from './circuit.ts'

/** What the caller of a call is told that got no permit. */
export function errorOf(
  refusal: Refusal,
  circuit: Circuit | undefined,
  signal: AbortSignal | undefined,
): SpillwayError {
  if (refusal.reason === 'cancelled') return notStartedError(signal)
  if (refusal.reason !== 'circuit_open') return refusalError(refusal)
  // Only the breaker knows when it will let calls through again.
  const open = circuit?.wouldRefuse()
  return open === undefined ? refusalError(refusal) : breakerError(open)
}
