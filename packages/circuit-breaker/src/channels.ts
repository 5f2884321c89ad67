import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { StateChange } from './breaker.ts'

/** Payload of `spillway.breaker.changed`. */
export type BreakerChanged = StateChange

/**
 * Every diagnostics channel of this package. Process-wide, so a payload names its breaker. Nothing is
 * published when nobody listens.
 */
export const breakerChannels: { readonly breakerChanged: Channel } = {
  breakerChanged: channel('spillway.breaker.changed'),
}
