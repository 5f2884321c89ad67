import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** Told once when a response has begun to leave. An object, so that no closure is needed. */
export interface StartedListener {
  responseStarted(raw: Pick<ServerResponse, 'statusCode'>): void
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

/** Node's parser says so of a request whose socket it has handed over with the `upgrade` event. */
type Incoming = IncomingMessage & { readonly upgrade?: boolean | null }

/**
 * Tells `listener` when the handler of an upgrade has taken its socket, which is what `hijack` means
 * then: a WebSocket has no answer that could begin, and lives for hours.
 */
export function onSocketTaken(reply: FastifyReply, listener: StartedListener): void {
  const raw: Incoming = reply.request.raw
  if (raw.upgrade !== true) return
  const hijack = reply.hijack.bind(reply)
  reply.hijack = () => {
    hijack()
    process.nextTick(tell, listener, reply.raw)
    return reply
  }
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

function tell(listener: StartedListener, raw: Pick<ServerResponse, 'statusCode'>): void {
  listener.responseStarted(raw)
}
