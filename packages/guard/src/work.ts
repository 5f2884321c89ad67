import type { RunningCall } from './running-call.ts'

/**
 * The work behind a guard. Stop it for real when the signal aborts; settle when it has ended. `call`
 * tells what to hand on: the time that is left and the priority.
 */
export type Work<T> = (signal: AbortSignal, call: RunningCall) => PromiseLike<T>
