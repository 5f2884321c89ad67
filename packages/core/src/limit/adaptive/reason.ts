/** Why the adaptive limit is what it is. */
export type AdaptiveReason =
  /** nothing learned yet */
  | 'initial'
  /** nothing has shown harm: the limit follows the demand */
  | 'slow_start'
  /** slow start has seen latency begin to rise */
  | 'knee_found'
  /** latency hardly depends on the calls in flight, so more of them are let in */
  | 'concurrency_helps'
  /** latency rises as fast as the calls in flight, so fewer are let in */
  | 'concurrency_hurts'
  | 'at_the_knee'
  /** calls take much of their callers' patience: whether as many come back when far fewer are let in */
  | 'trial'
  /** calls have become slow little by little: growth would need proof that it is not the cause */
  | 'congested'
  /** fewer calls come than the limit lets in: nothing to learn, nothing to change */
  | 'not_limiting'
  /** calls suddenly take longer or shorter: no reason to change the limit by itself */
  | 'latency_changed'
  /** most calls time out */
  | 'blackout'
  /** calls come back after a blackout */
  | 'recovering'

/** A limit and why it is that. */
export interface Decision {
  readonly limit: number
  readonly reason: AdaptiveReason
}
