import type { Answer } from '@spillway/example-slow-database/load/answer.ts'

/** Requests of one kind to one service, at a rate of its own; plain data that goes to a process. */
export interface StreamSpec<Kind extends string = string> {
  readonly kind: Kind
  readonly url: string
  readonly method: 'GET' | 'POST'
  /** `{item}` becomes a random item of the shop. */
  readonly path: string
  /** JSON; `{item}` as in the path. */
  readonly body?: string
  /** How much later than the others it starts, so that streams do not send in the same moments. */
  readonly offsetMs?: number
}

/** What the process is started with, as JSON in its first argument. */
export interface LoadStart<Kind extends string = string> {
  readonly streams: readonly StreamSpec<Kind>[]
  readonly deadlineMs: number
}

/** Whole requests a second of each stream from now on. */
export interface LoadCommand {
  readonly rates: readonly number[]
}

export interface StreamAnswer<Kind extends string = string> extends Answer<Kind> {
  /** Place among the streams. */
  readonly stream: number
}

/** What has been seen since the last message. */
export interface LoadMessage<Kind extends string = string> {
  readonly answers: readonly StreamAnswer<Kind>[]
}
