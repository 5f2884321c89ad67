/** One call as its caller saw it. Times are milliseconds of one clock. */
export interface Call {
  readonly askedAt: number
  readonly endedAt: number
  /** Whether it was handed to the pool. */
  readonly isSent: boolean
  readonly isAnswered: boolean
}

/** What the database was doing at one moment, by its own account. */
export interface Sample {
  readonly at: number
  /** Queries and logins that it was working on. */
  readonly active: number
  readonly connections: number
}

/** One outage of one contestant. */
export interface Recording {
  readonly brokenAt: number
  readonly repairedAt: number
  /** In the order in which they were asked. */
  readonly calls: readonly Call[]
  readonly samples: readonly Sample[]
}
