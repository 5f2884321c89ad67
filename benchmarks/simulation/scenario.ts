import type { Evidence } from './evidence.ts'
import type { Verdict } from './score.ts'
import type { WorldSpec } from './world-spec.ts'

/** One form of a scenario. */
export interface Variant {
  readonly name: string
  readonly spec: WorldSpec
  judge(evidence: Evidence): Verdict
}

/** A row of the table; its result is its worst variant with its worst seed. */
export interface Scenario {
  readonly id: number
  readonly title: string
  readonly variants: readonly Variant[]
}
