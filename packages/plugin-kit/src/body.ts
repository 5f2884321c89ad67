import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'

/** Those with which Fastify reads a body; what comes with others is never read, so never ends. */
const withBody: ReadonlySet<string> = new Set([
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
])

type Raw = IncomingMessage & {
  /** HTTP/2, where a body need not be announced. */
  readonly stream?: { readonly endAfterHeaders: boolean }
}

/** Whether something of the request has still to come. */
export function isBodyComing({ method, raw }: FastifyRequest): boolean {
  return withBody.has(method) && !hasCome(raw) && isAnnounced(raw)
}

/** Whether all of it is there, though perhaps not read. */
export function hasCome(raw: IncomingMessage): boolean {
  return raw.complete || raw.readableEnded
}

/** Calls `listener` when the last byte has been read, by whomever; never when the client is gone first. */
export function onBodyRead({ raw }: FastifyRequest, listener: () => void): void {
  raw.once('end', listener)
}

function isAnnounced({ headers, stream }: Raw): boolean {
  if (headers['transfer-encoding'] !== undefined) return true
  const length = headers['content-length']
  return length === undefined ? stream?.endAfterHeaders === false : Number(length) > 0
}
