import type { Scenario } from '../scenario.ts'
import { lightLoad, nearCapacity, steadyOverload } from './steady.ts'
import { latencyStepLarge, latencyStepSmall, recoveryFromStep } from './step.ts'

/** Every scenario, in the order of the table. */
export const scenarios: readonly Scenario[] = [
  steadyOverload,
  lightLoad,
  nearCapacity,
  latencyStepSmall,
  latencyStepLarge,
  recoveryFromStep,
]
