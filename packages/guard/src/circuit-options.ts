import type {
  BreakerOptions,
  CircuitOptions,
  ParsedBreakerOptions,
} from '@spillway/circuit-breaker'
import { circuitKeys, parseBreakerOptions } from '@spillway/circuit-breaker'
import { invalidOption, knownKeys, parsedAt } from '@spillway/core'

/** When a guard's circuit opens. The guard itself has the rest: `timeoutMs` and `clock`. */
export interface GuardCircuitOptions extends Omit<
  CircuitOptions,
  'timeoutMs' | 'clock' | 'failureRatio'
> {
  /**
   * The circuit opens when more than this part of the calls in the window has failed. 1: never.
   *
   * @default 0.9: a downstream of which a part is broken, a route or two of three replicas, still
   *   answers the others, and a circuit cuts all of them off
   */
  readonly failureRatio?: number
}

const defaultFailureRatio = 0.9

/** Undefined: no breaker. @throws SPW_ERR_OPTION */
export function parseCircuit(
  value: GuardCircuitOptions | boolean,
  ofGuard: Pick<BreakerOptions, 'name' | 'timeoutMs' | 'clock'>,
): ParsedBreakerOptions | undefined {
  if (value === false) return undefined
  if (value !== true && (typeof value !== 'object' || value === null)) {
    throw invalidOption('breaker', 'true, false or an object of options', value)
  }
  const options = value === true ? {} : knownKeys('breaker', value, circuitKeys)
  return parsedAt('breaker', () =>
    parseBreakerOptions({ failureRatio: defaultFailureRatio, ...options, ...ofGuard }),
  )
}
