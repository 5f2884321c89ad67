import type { Evidence } from './evidence.ts'
import type { Verdict } from './score.ts'
import type { WorldSpec } from './world-spec.ts'

/** One form of a scenario. */
export interface Variant {
  readonly name: string
  readonly spec: WorldSpec
  /** `oracle` plays the same calls for the oracle, where even that cannot do all that is possible. */
  judge(evidence: Evidence, oracle: () => Promise<Evidence>): Verdict | Promise<Verdict>
}

/** A row of the table; its result is its worst variant with its worst seed. */
export interface Scenario {
  readonly id: number
  readonly title: string
  readonly variants: readonly Variant[]
}
