import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { RefusalReason } from './limiter/admission.ts'
import type { Priority } from './priority.ts'

/** Payload of `spillway.limiter.refused`. */
export interface LimiterRefused {
  readonly limiter: string
  readonly priority: Priority
  readonly reason: RefusalReason
  /** False: the limiter merely observes, and the call ran. */
  readonly enforced: boolean
  readonly limit: number
  readonly inFlight: number
  readonly queued: number
}

/** Payload of `spillway.limit.changed`. */
export interface LimitChanged {
  readonly limiter: string
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** Payload of `spillway.shedder.refused`. */
export interface LoadShed {
  readonly shedder: string
  readonly priority: Priority
  /** The signal that decided. */
  readonly signal: string
  /** 0 to 1. */
  readonly pressure: number
  /** False: the shedder merely observes, and the request went on. */
  readonly enforced: boolean
}

/**
 * Every diagnostics channel of this package. Process-wide, so a payload names its limiter. Nothing
 * is built for a channel nobody listens to.
 */
export const channels: {
  readonly limiterRefused: Channel
  readonly limitChanged: Channel
  readonly loadShed: Channel
} = {
  limiterRefused: channel('spillway.limiter.refused'),
  limitChanged: channel('spillway.limit.changed'),
  loadShed: channel('spillway.shedder.refused'),
}
