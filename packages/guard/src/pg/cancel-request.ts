import { Socket } from 'node:net'
import type { ClientInternals, MakeStream } from './pg-internals.ts'

/**
 * Sends PostgreSQL's own cancel request, over a connection of its own as the protocol wants. It needs
 * no login and no free connection slot, so it works on a server that is full. pg itself opens that
 * connection, so it goes the way that the client's went: TLS with its certificates, a Unix socket, or
 * a stream of the user's own.
 *
 * Resolves when the server has closed that connection: then it has signalled the backend, and a query
 * that is sent later can no longer be hit (libpq waits for the same reason).
 *
 * @throws when that did not happen within `timeoutMs`: the request may arrive at any later time
 */
export function sendCancelRequest(
  client: ClientInternals,
  makeStream: MakeStream | undefined,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { ssl, sslNegotiation, processID, secretKey } = client
    if (typeof processID !== 'number' || typeof secretKey !== 'number') {
      throw new Error('The connection has no key to cancel with')
    }
    const stream = makeStream ?? sameServer(client)
    const connection = new client.connection.constructor({ stream, ssl, sslNegotiation })
    const socket = connection.stream
    let sent = false
    const send = (): void => {
      sent = true
      connection.cancel(processID, secretKey)
    }
    const end = (error?: Error): void => {
      clearTimeout(timer)
      // Under TLS they are two.
      connection.stream.destroy()
      socket.destroy()
      if (sent && error === undefined) resolve()
      else reject(error ?? new Error('The connection for the cancel request was closed'))
    }
    const timer = setTimeout(() => {
      end(new Error(`The cancel request took longer than ${timeoutMs} ms`))
    }, timeoutMs)
    connection.on('connect', () => {
      if (ssl === undefined || ssl === false) send()
      else if (sslNegotiation !== 'direct') connection.requestSsl()
    })
    connection.on('sslconnect', send)
    connection.on('error', end)
    connection.on('end', () => {
      end()
    })
    const { host, port = 5432 } = client
    if (host?.startsWith('/') === true) connection.connect(`${host}/.s.PGSQL.${port}`)
    else connection.connect(port, host ?? 'localhost')
  })
}

/** A name may stand for several servers: the cancel goes to the one that the client has. */
function sameServer({ connection }: ClientInternals): MakeStream | undefined {
  const address = connection.stream.remoteAddress
  if (address === undefined) return undefined
  return () => {
    const socket = new Socket()
    const connect = socket.connect.bind(socket)
    return Object.assign(socket, { connect: (port: number) => connect(port, address) })
  }
}
