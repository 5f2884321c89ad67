import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** Told once when a response is over, however it ended. An object, so that no closure is needed. */
export interface SettledListener {
  responseSettled(raw: ServerResponse): void
}

const listenerKey: unique symbol = Symbol('spillway.settledListener')

type Tracked = ServerResponse & {
  [listenerKey]?: SettledListener | SettledListener[] | undefined
  /** HTTP/2 responses have a stream instead of `closed`. */
  readonly stream?: { readonly destroyed: boolean }
  /** Set on the responses of `inject`, which never finish: there is no socket to flush to. */
  readonly isLightMyRequest?: boolean
}

/**
 * Tells `listener` exactly once when the response is over: sent in full, cut off by the client,
 * hijacked and ended, streamed, timed out. At once when that has happened already.
 *
 * Only `close` of the raw response fires in all of these cases. `onResponse` does not fire when the
 * client hangs up, `onRequestAbort` does not when it hangs up after its body was read, and `onSend`
 * does not for a hijacked reply.
 */
export function onResponseSettled(reply: FastifyReply, listener: SettledListener): void {
  const raw: Tracked = reply.raw
  if (isSettled(reply)) {
    listener.responseSettled(raw)
    return
  }
  const earlier = raw[listenerKey]
  if (earlier === undefined) {
    raw[listenerKey] = listener
    raw.on('close', settle)
  } else if (Array.isArray(earlier)) {
    earlier.push(listener)
  } else {
    raw[listenerKey] = [earlier, listener]
  }
}

/** Whether the response is over, so that nothing can be sent any more. */
export function isSettled(reply: FastifyReply): boolean {
  const raw: Tracked = reply.raw
  return raw.closed || raw.destroyed || raw.stream?.destroyed === true
}

/** Whether all of the response went out; false when the client was gone first. */
export function isSentInFull(raw: ServerResponse): boolean {
  const { writableEnded, writableFinished, isLightMyRequest }: Tracked = raw
  // A cut-off HTTP/2 response calls itself finished without ever having been ended.
  return writableEnded && (writableFinished || isLightMyRequest === true)
}

/** One function for all responses; which listeners are meant is written on the response. */
function settle(this: Tracked): void {
  const listeners = this[listenerKey]
  this[listenerKey] = undefined
  if (listeners === undefined) return
  if (!Array.isArray(listeners)) {
    listeners.responseSettled(this)
    return
  }
  for (const listener of listeners) listener.responseSettled(this)
}
