import type { BreakerOptions, CircuitOptions, IsFailure } from '@spillway/circuit-breaker'
import type { Clock } from '@spillway/core'
import { invalidOption, knownKeys } from '@spillway/core'

/** When a guard's circuit opens. The guard itself has the rest: `timeoutMs` and `clock`. */
export type GuardCircuitOptions = Omit<CircuitOptions, 'timeoutMs' | 'clock'>

/** What a guard's circuit is made of. */
export interface ParsedCircuitOptions {
  readonly breaker: BreakerOptions
  readonly timeoutMs: number
  readonly minTimeoutMs: number
  readonly isFailure: IsFailure
}

/** What the guard says about its circuit. */
interface Surroundings {
  readonly name: string
  readonly timeoutMs: number
  readonly clock: Clock
}

const known = [
  'windowMs',
  'minimumCalls',
  'failureRatio',
  'slowCallMs',
  'slowCallRatio',
  'openMs',
  'maxOpenMs',
  'maxProbes',
  'probeIntervalMs',
  'isFailure',
  'minTimeoutMs',
  'random',
] as const

/** Undefined: no breaker. @throws SPW_ERR_OPTION */
export function parseCircuit(
  value: GuardCircuitOptions | boolean,
  surroundings: Surroundings,
): ParsedCircuitOptions | undefined {
  if (value === false) return undefined
  if (value !== true && (typeof value !== 'object' || value === null)) {
    throw invalidOption('breaker', 'true, false or an object of options', value)
  }
  const options = value === true ? {} : value
  knownKeys('breaker', options, known)
  return {
    breaker: { ...options, ...surroundings },
    timeoutMs: surroundings.timeoutMs,
    minTimeoutMs: options.minTimeoutMs ?? 100,
    isFailure: options.isFailure ?? (() => undefined),
  }
}
