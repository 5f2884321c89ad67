import { Blob } from 'node:buffer'

/**
 * Whether a body yields the same bytes each time that it is sent. Only what holds them does: a
 * stream or a generator can be read once, and `fetch` hands every body over as a generator. A
 * `FormData` gets another boundary each time.
 */
export function isReplayable(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof Blob
}
