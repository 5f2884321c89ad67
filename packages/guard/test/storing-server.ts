import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** How the first attempt fails. */
export type FailureKind = (typeof failureKinds)[number]
export const failureKinds = [
  '503 before the body is read',
  '503 after the body',
  'a reset in the middle of the body',
  'a reset after the body',
  'a reset before anything is read',
] as const

export interface StoringServer {
  readonly port: number
  readonly base: string
  /** Heads of all requests since the last `failOnce`. */
  readonly heads: { readonly method: string; readonly headers: IncomingMessage['headers'] }[]
  /** Bodies that came in whole since then, also those that were refused. */
  readonly bodies: Buffer[]
  /** Connections since then. */
  readonly connections: number
  /** The next request fails so, what comes after it is stored. */
  failOnce(kind: FailureKind | undefined): void
  stop(): Promise<void>
}

/** Reads whatever it gets, keeps it and answers `stored`. */
export async function startStoringServer(): Promise<StoringServer> {
  const heads: StoringServer['heads'] = []
  const bodies: Buffer[] = []
  let failure: FailureKind | undefined
  let connections = 0
  const takeFailure = (): FailureKind | undefined => {
    const kind = failure
    failure = undefined
    return kind
  }
  const server = createServer((request, response) => {
    heads.push({ method: request.method!, headers: request.headers })
    const kind = takeFailure()
    request.on('error', () => {})
    if (kind === '503 before the body is read') refuse(response)
    else if (kind === 'a reset in the middle of the body') resetOnData(request)
    else void store(request, response, kind, bodies)
  })
  server.on('connection', (socket: Socket) => {
    connections += 1
    if (failure === 'a reset before anything is read') {
      takeFailure()
      socket.resetAndDestroy()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    base: `http://127.0.0.1:${port}`,
    heads,
    bodies,
    get connections() {
      return connections
    },
    failOnce(kind) {
      heads.length = 0
      bodies.length = 0
      connections = 0
      failure = kind
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function refuse(response: ServerResponse): void {
  response.writeHead(503).end('busy')
}

function resetOnData(request: IncomingMessage): void {
  request.once('data', () => request.socket.resetAndDestroy())
}

async function store(
  request: IncomingMessage,
  response: ServerResponse,
  kind: FailureKind | undefined,
  bodies: Buffer[],
): Promise<void> {
  const body = await buffer(request).catch(() => undefined)
  if (body === undefined) return
  bodies.push(body)
  if (kind === '503 after the body') refuse(response)
  else if (kind === 'a reset after the body') request.socket.resetAndDestroy()
  else response.end('stored')
}
