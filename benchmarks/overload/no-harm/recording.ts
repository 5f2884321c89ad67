import type { ShopReport } from '@spillway/example-slow-database/shop/process.ts'
import type { StreamAnswer } from '../load/stream-spec.ts'
import type { NoHarmPhase } from './scenarios.ts'
import type { Kind } from './streams.ts'

/** A phase and when it really was, by `sharedNow`. */
export interface PlayedNoHarmPhase extends NoHarmPhase {
  readonly from: number
  readonly to: number
}

/** What became of one contestant. */
export interface NoHarmRecording {
  readonly phases: readonly PlayedNoHarmPhase[]
  readonly answers: readonly StreamAnswer<Kind>[]
  readonly reports: readonly ShopReport[]
  /** Slow clients that did not get what they came for. */
  readonly turnedAway: number
}
