import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'

/** An HTTP-date as RFC 9110, 5.6.7 has it sent; its obsolete forms are not read. */
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * Milliseconds to wait by a `Retry-After` header (RFC 9110, 10.2.3): seconds or an HTTP-date, never
 * negative. Undefined for anything else. Any size is possible: the header is untrusted, and `retry`
 * gives up at once on one that is too long.
 */
export function parseRetryAfter(value: unknown, clock: Clock = systemClock): number | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  if (!httpDate.test(text)) return undefined
  // oxlint-disable-next-line no-restricted-globals -- reads a date; does not ask for the time
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.wallNow())
}
