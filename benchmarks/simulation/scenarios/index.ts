import type { Scenario } from '../scenario.ts'
import { bursts, coldStart, retryStorm, thunderingHerd } from './arrivals.ts'
import { capacityHalves, drift, slowRamps } from './change.ts'
import { mixedDeadlines } from './deadlines.ts'
import { contendedDatabase, crash, hang } from './failure.ts'
import { noisyTenant, priority, starvation } from './fairness.ts'
import { deploy, newcomer, sharedDatabase } from './fleet.ts'
import { bimodal, mixShift, oneSlowRoute, randomBrownout } from './mix.ts'
import { clockJumps, stalls } from './process.ts'
import { fleetOfFour, fleetOfTwelve } from './small-fleet.ts'
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
  slowRamps,
  drift,
  bimodal,
  mixShift,
  oneSlowRoute,
  contendedDatabase,
  capacityHalves,
  randomBrownout,
  hang,
  crash,
  retryStorm,
  bursts,
  thunderingHerd,
  coldStart,
  deploy,
  sharedDatabase,
  newcomer,
  priority,
  starvation,
  noisyTenant,
  stalls,
  mixedDeadlines,
  clockJumps,
  fleetOfFour,
  fleetOfTwelve,
]
