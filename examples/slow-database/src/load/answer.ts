import type { RequestKind } from '../plan.ts'

/**
 * What became of one request, as its client saw it.
 *
 * - `good`: a 2xx within the deadline
 * - `refused`: a 503 or 429 that came at once
 * - `refused_late`: a 503 after time spent in a queue on purpose
 * - `failed`: any other answer
 * - `timed_out`: no answer within the deadline; the client has hung up
 */
export type AnswerOutcome = 'good' | 'refused' | 'refused_late' | 'failed' | 'timed_out'

export interface Answer<Kind extends string = RequestKind> {
  readonly kind: Kind
  readonly outcome: AnswerOutcome
  /** When it was sent, by `sharedNow`. */
  readonly sentAt: number
  readonly latencyMs: number
}

/** When its client knew. */
export function answeredAt({ sentAt, latencyMs }: Answer<string>): number {
  return sentAt + latencyMs
}

/** The code by which a Spillway service says that a request waited before it was refused. */
const waitedCode = '"code":"SPW_ERR_QUEUE_TIMEOUT"'

/** Whether a refusal, by its body, came after time spent in a queue on purpose. */
export function hasWaited(body: string): boolean {
  return body.includes(waitedCode)
}

export function outcomeOf(
  statusCode: number,
  latencyMs: number,
  deadlineMs: number,
  body: string,
): AnswerOutcome {
  if (latencyMs > deadlineMs) return 'timed_out'
  if (statusCode >= 200 && statusCode < 300) return 'good'
  if (statusCode !== 503 && statusCode !== 429) return 'failed'
  return hasWaited(body) ? 'refused_late' : 'refused'
}
