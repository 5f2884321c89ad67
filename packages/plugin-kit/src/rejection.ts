import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorCode, Refusal } from '@spillway/core'
import { errorTable, integerBetween, retryHeader } from '@spillway/core'
import type { FastifyReply } from 'fastify'

export interface RejectionOptions {
  /** Status of every refusal. @default 503: the server is short of capacity, the client is not at fault */
  readonly statusCode?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
}

/** Answers refused requests. */
export interface Rejection {
  /**
   * Sends the refusal from within a hook: the status, `Retry-After` and Fastify's own error body. It
   * goes neither through the error handler nor through a serializer, which would make saying no
   * nearly twice as expensive; `onSend` hooks run, so that CORS headers are there.
   */
  send(reply: FastifyReply, refusal: Pick<Refusal, 'code' | 'retryAfterMs'>): void
}

/** @throws SPW_ERR_OPTION when `statusCode` is not a client or server error status */
export function createRejection(options: RejectionOptions = {}): Rejection {
  const { random = Math.random } = options
  const statusCode = integerBetween('statusCode', options.statusCode ?? 503, 400, 599)
  const bodies = serializeBodies(statusCode)
  return {
    send(reply, { code, retryAfterMs }) {
      if (reply.request.headers.upgrade !== undefined) closeAfter(reply)
      void reply
        .code(statusCode)
        .header('retry-after', retryAfterSeconds(retryAfterMs, random()))
        // Its own decision: to be asked again at once is what it refuses.
        .header(retryHeader, 'no')
        .type('application/json; charset=utf-8')
        .send(bodies[code])
    },
  }
}

/** The socket of an upgrade has left the server's care, and nobody but us would close it. */
function closeAfter(reply: FastifyReply): void {
  // What `inject` puts in a socket's place cannot be destroyed.
  const socket: Partial<Pick<Socket, 'destroySoon'>> = reply.request.raw.socket
  reply.header('connection', 'close')
  reply.raw.on('finish', () => {
    socket.destroySoon?.()
  })
}

/** Backlogs longer than this say more about a bad minute than about the next one. */
const longestBaseSeconds = 60

/**
 * Whole seconds (RFC 9110, 10.2.3) between the backlog, rounded up, and twice that and one more: who
 * was refused together must not come back together.
 *
 * @param random uniform in [0, 1)
 */
export function retryAfterSeconds(retryAfterMs: number, random: number): number {
  const base = Math.min(Math.max(Math.ceil(retryAfterMs / 1000), 1), longestBaseSeconds)
  return base + Math.floor(random * (base + 1))
}

function serializeBodies(statusCode: number): Readonly<Record<ErrorCode, string>> {
  const error = STATUS_CODES[statusCode] ?? String(statusCode)
  const codes = Object.keys(errorTable) as ErrorCode[]
  return Object.fromEntries(
    codes.map((code) => {
      const { message } = errorTable[code]
      return [code, JSON.stringify({ statusCode, code, error, message })]
    }),
  ) as Record<ErrorCode, string>
}
