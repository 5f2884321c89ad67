import type { ShopReport } from '@spillway/example-slow-database/shop/process.ts'
import type { PlayedPhase } from '@spillway/example-slow-database/story.ts'
import type { StreamAnswer, StreamSpec } from '../load/stream-spec.ts'
import type { FleetKind } from './streams.ts'

/** What became of all processes of one contestant. */
export interface FleetRecording {
  readonly name: string
  readonly phases: readonly PlayedPhase[]
  /** One of each process. */
  readonly urls: readonly string[]
  readonly streams: readonly StreamSpec<FleetKind>[]
  readonly answers: readonly StreamAnswer<FleetKind>[]
  /** Of each process. */
  readonly reports: readonly (readonly ShopReport[])[]
}
