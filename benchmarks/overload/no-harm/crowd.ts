/** Clients that do nothing wrong but are slow. */
export interface Crowd {
  /** `uploaders` send a byte of their body a second; `readers` do not read their answer. */
  readonly kind: 'uploaders' | 'readers'
  readonly count: number
}

/** What the crowd's process is started with, as JSON in its first argument. */
export interface CrowdStart extends Crowd {
  readonly url: string
}

/** Comes at once, and never leaves by itself. */
export type CrowdCommand = 'come'

/** Since the start. */
export interface CrowdMessage {
  /** Connections that ended, or were answered with something else than what they came for. */
  readonly turnedAway: number
}
