import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
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
    if (raw.socket === null) settleWithSocket(raw)
  } else if (Array.isArray(earlier)) {
    earlier.push(listener)
  } else {
    raw[listenerKey] = [earlier, listener]
  }
}

/** Whether the response is over, so that nothing can be sent any more. */
export function isSettled(reply: FastifyReply): boolean {
  const raw: Tracked = reply.raw
  return raw.closed || raw.destroyed || raw.stream?.destroyed === true || isStranded(raw)
}

/** Whether all of the response went out; false when the client was gone first. */
export function isSentInFull(raw: ServerResponse): boolean {
  const { writableEnded, writableFinished, isLightMyRequest }: Tracked = raw
  // A cut-off HTTP/2 response calls itself finished without ever having been ended.
  return writableEnded && (writableFinished || isLightMyRequest === true)
}

/** Whether it waits for its turn on a socket that is gone. */
function isStranded(raw: Tracked): boolean {
  return raw.socket === null && raw.req.socket.destroyed
}

/** The responses of a socket that wait for their turn behind another one (pipelining). */
const waiting = new WeakMap<Socket, Set<Tracked>>()

/**
 * Node 22 never closes a response that still waits for its turn when the client hangs up, so what
 * waits is also settled by the socket: one listener for all, and none that outlives its response.
 */
function settleWithSocket(raw: Tracked): void {
  const { socket } = raw.req
  const responses = waiting.get(socket) ?? waitingOn(socket)
  responses.add(raw)
  raw.once('close', () => responses.delete(raw))
}

function waitingOn(socket: Socket): Set<Tracked> {
  const responses = new Set<Tracked>()
  waiting.set(socket, responses)
  socket.once('close', () => {
    for (const raw of responses) settle.call(raw)
    responses.clear()
  })
  return responses
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
