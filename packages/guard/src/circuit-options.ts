import type {
  BreakerOptions,
  CircuitOptions,
  ParsedBreakerOptions,
} from '@spillway/circuit-breaker'
import { circuitKeys, parseBreakerOptions } from '@spillway/circuit-breaker'
import { invalidOption, knownKeys, parsedAt } from '@spillway/core'

/** When a guard's circuit opens. The guard itself has the rest: `timeoutMs` and `clock`. */
export type GuardCircuitOptions = Omit<CircuitOptions, 'timeoutMs' | 'clock'>

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
  return parsedAt('breaker', () => parseBreakerOptions({ ...options, ...ofGuard }))
}
