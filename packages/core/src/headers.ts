import { longestTimerMs } from './clock.ts'
import type { Priority } from './priority.ts'
import { isPriority } from './priority.ts'

/**
 * Milliseconds that the caller will still wait, as a whole number. A duration and not a moment,
 * because the clocks of two machines differ. The name is Envoy's, which sends it with each request
 * that it forwards, so what stands behind Envoy or Istio has deadlines without doing anything:
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
 */
export const deadlineHeader = 'x-envoy-expected-rq-timeout-ms'

/**
 * One of the four words of {@link Priority}. There is no standard to follow: the `priority` of
 * RFC 9218 is about the order of responses on one connection, and browsers send it unasked.
 */
export const priorityHeader = 'x-request-priority'

/**
 * Response header: `no` says that another attempt is not wanted, since whoever answers has refused
 * by its own decision, or has spent its own retries on the failure behind it.
 */
export const retryHeader = 'x-spillway-retry'

const digits = /^[0-9]{1,10}$/

/**
 * The milliseconds in a header that anybody may have sent. Undefined for whatever is not a whole
 * number from 1 to 2^31 - 1, where Node's timers end (24 days bound nothing anyway): a header that
 * makes no sense is no header. Envoy's 0 means no timeout.
 */
export function parseDeadlineHeader(value: unknown): number | undefined {
  if (typeof value !== 'string' || !digits.test(value)) return undefined
  const ms = Number(value)
  return ms >= 1 && ms <= longestTimerMs ? ms : undefined
}

/** The priority in a header that anybody may have sent; undefined for any other word. */
export function parsePriorityHeader(value: unknown): Priority | undefined {
  return isPriority(value) ? value : undefined
}

/**
 * What is left, as a header: rounded down, for the caller's own way back takes time as well. What is no
 * number leaves no time.
 */
export function formatDeadlineHeader(remainingMs: number): string {
  return String(Math.min(Math.max(Math.floor(remainingMs) || 1, 1), longestTimerMs))
}
