import type { Priority } from '@spillway/core'

/**
 * What `work` may want to know of its own call. It fits where call options are asked for: a call
 * within a call is `other.run(work, call)`. The permit of the outer call is held meanwhile, for its
 * connection is really occupied.
 */
export interface RunningCall {
  /**
   * Milliseconds left, read anew each time: to the call's deadline or the guard's `timeoutMs`,
   * whichever comes first; zero or less once it has passed. A guard that does not enforce gives no
   * time of its own: what its caller has said, or Infinity.
   */
  readonly deadlineMs: number
  /** The same by the word of a caller that anybody may be; undefined where it says nothing. */
  readonly callerDeadlineMs: number | undefined
  readonly priority: Priority
  /** The kind of call that it was said to be. */
  readonly workload: string | undefined
  /** The same that `work` gets. */
  readonly signal: AbortSignal
}

/**
 * The call as its work is told of it: an object of its own properties, so that one of them can be said
 * otherwise for a call within it, `{ ...call, workload }`, and the others are kept.
 */
export function describeCall(call: RunningCall): RunningCall {
  const { priority, workload, signal } = call
  return {
    get deadlineMs() {
      return call.deadlineMs
    },
    get callerDeadlineMs() {
      return call.callerDeadlineMs
    },
    priority,
    workload,
    signal,
  }
}

const callKey: unique symbol = Symbol('spillway.call')

type CallSignal = AbortSignal & { [callKey]?: RunningCall }

/** Lets helpers that are handed nothing but the signal know how long the call has left. */
export function attachCall(call: RunningCall): void {
  ;(call.signal as CallSignal)[callKey] = call
}

/** Undefined for a signal that no guard that enforces has made, or that was made of several. */
export function callOf(signal: AbortSignal): RunningCall | undefined {
  return (signal as CallSignal)[callKey]
}
