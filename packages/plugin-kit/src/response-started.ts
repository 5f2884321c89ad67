import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** Told once when a response has begun to leave. An object, so that no closure is needed. */
export interface StartedListener {
  responseStarted(raw: ServerResponse): void
}

type WriteHead = (statusCode: number, reason?: unknown, headers?: unknown) => ServerResponse

const listenerKey: unique symbol = Symbol('spillway.startedListener')
const writeHeadKey: unique symbol = Symbol('spillway.writeHead')

type Watched = Omit<ServerResponse, 'writeHead'> & {
  writeHead: WriteHead
  [listenerKey]?: StartedListener | undefined
  [writeHeadKey]?: WriteHead
}

/**
 * Tells `listener` when the head of the response has been handed to the socket: what comes after is at
 * the client's pace. Not told of responses that never begin, of sockets that were taken over, and of
 * HTTP/2 responses without a body that were ended by hand.
 *
 * Node has no event for it, and `onSend` hooks do not run for hijacked replies, so `writeHead` is
 * watched, which every way to write a head goes through.
 */
export function onResponseStarted(reply: FastifyReply, listener: StartedListener): void {
  const raw = reply.raw as unknown as Watched
  raw[listenerKey] = listener
  raw[writeHeadKey] = raw.writeHead
  raw.writeHead = watchedWriteHead
}

function watchedWriteHead(
  this: Watched,
  statusCode: number,
  reason?: unknown,
  headers?: unknown,
): ServerResponse {
  const result = this[writeHeadKey]!(statusCode, reason, headers)
  const listener = this[listenerKey]
  if (listener !== undefined) {
    this[listenerKey] = undefined
    // A body that is there already goes out first: what the listener sets going must not delay it.
    process.nextTick(tell, listener, this)
  }
  return result
}

function tell(listener: StartedListener, raw: Watched): void {
  listener.responseStarted(raw)
}
