import { once } from 'node:events'
import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'

/** Which backend to cancel, and where it is. */
export interface CancelTarget {
  /** A name, an address, or the directory of a Unix socket. */
  readonly host: string
  readonly port: number
  /** The address that the connection really goes to; a name may stand for several servers. */
  readonly address: string | undefined
  readonly tls: ConnectionOptions | undefined
  readonly processId: number
  readonly secretKey: number
}

/** What pg knows about its connection, none of it in its types. */
interface ClientInternals {
  readonly host?: string | null
  readonly port?: number
  readonly ssl?: boolean | ConnectionOptions
  readonly processID?: number | null
  readonly secretKey?: number | null
  readonly connection?: { readonly stream?: { readonly remoteAddress?: string } }
}

/** Undefined for a client that cannot be cancelled this way (pg-native, a pooler without keys). */
export function cancelTarget(client: object): CancelTarget | undefined {
  const { host, port, ssl, processID, secretKey, connection } = client as ClientInternals
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return undefined
  return {
    host: host ?? 'localhost',
    port: port ?? 5432,
    address: connection?.stream?.remoteAddress,
    tls: tlsOptions(ssl),
    processId: processID,
    secretKey,
  }
}

function tlsOptions(ssl: ClientInternals['ssl']): ConnectionOptions | undefined {
  if (ssl === undefined || ssl === false) return undefined
  return ssl === true ? {} : ssl
}

/** Protocol codes; see "Message Formats" in PostgreSQL's documentation, CancelRequest, SSLRequest. */
const cancelRequestCode = 80_877_102
const sslRequestCode = 80_877_103
const sslAccepted = 0x53

/**
 * Sends PostgreSQL's own cancel request, over a connection of its own as the protocol wants. It needs
 * no login and no free connection slot, so it works on a server that is full. Resolves when the
 * server has closed that connection: then it has signalled the backend, and a query that is sent
 * later can no longer be hit (libpq waits for the same reason).
 *
 * @throws when the server could not be reached or did not close within `timeoutMs`
 */
export async function sendCancelRequest(target: CancelTarget, timeoutMs: number): Promise<void> {
  const socket = open(target)
  let expired = false
  const timer = setTimeout(() => {
    expired = true
    socket.destroy()
  }, timeoutMs)
  try {
    await eventOrClose(socket, 'connect')
    const stream = target.tls === undefined ? socket : await secure(socket, target)
    const closed = once(stream, 'close')
    stream.resume()
    stream.write(cancelRequest(target))
    await closed
    if (expired) throw new Error(`The cancel request took longer than ${timeoutMs} ms`)
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

function open({ host, port, address }: CancelTarget): Socket {
  const socket = host.startsWith('/')
    ? connect(`${host}/.s.PGSQL.${port}`)
    : connect({ host: address ?? host, port, noDelay: true })
  // Under TLS nobody else listens to the socket beneath.
  return socket.on('error', () => undefined)
}

async function secure(socket: Socket, target: CancelTarget): Promise<Socket> {
  socket.write(int32s(8, sslRequestCode))
  const [answer] = (await eventOrClose(socket, 'data')) as [Buffer]
  if (answer[0] !== sslAccepted) throw new Error('The server does not support SSL connections')
  const { host, tls } = target
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const stream = connectTls({ host, ...servername, ...tls, socket })
  await eventOrClose(stream, 'secureConnect')
  return stream
}

/** A socket that is destroyed without an error would never emit the event. */
async function eventOrClose(socket: Socket, event: string): Promise<unknown[]> {
  const gone = new AbortController()
  const onClose = (): void => {
    gone.abort(new Error('The connection for the cancel request was closed'))
  }
  socket.once('close', onClose)
  try {
    return (await once(socket, event, { signal: gone.signal })) as unknown[]
  } finally {
    socket.removeListener('close', onClose)
  }
}

function cancelRequest({ processId, secretKey }: CancelTarget): Buffer {
  return int32s(16, cancelRequestCode, processId, secretKey)
}

function int32s(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) buffer.writeInt32BE(value | 0, 4 * index)
  return buffer
}
