import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** What a {@link HangUpClient} sends. */
export interface RawRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Announced with its full length in `content-length`. */
  readonly body?: string
}

/** One answer, as it stood on the wire. */
export interface RawResponse {
  readonly statusCode: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/**
 * HTTP/1.1 over one real socket, byte by byte, which can hang up at any moment. Clients that are
 * made to be useful hide exactly the moments that abort tests are about.
 */
export class HangUpClient {
  readonly socket: Socket
  #received = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1')
    })
    // A reset is what these tests are about.
    socket.on('error', () => {})
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<HangUpClient> {
    const socket = connect(port, host)
    await once(socket, 'connect')
    return new HangUpClient(socket)
  }

  /** All that has come so far and was not taken by {@link response}. */
  get received(): string {
    return this.#received
  }

  /** Writes the request, all but the last `withheldBytes` bytes of its body. */
  async send(request: RawRequest = {}, withheldBytes = 0): Promise<void> {
    const text = serialize(request)
    const bytes = text.slice(0, text.length - withheldBytes)
    await new Promise<void>((resolve) => {
      this.socket.write(bytes, 'latin1', () => {
        resolve()
      })
    })
  }

  /** Waits until `text` has come. */
  async seen(text: string): Promise<void> {
    while (!this.#received.includes(text)) await this.#more()
  }

  /** Takes the next whole response that has a `content-length`. */
  async response({ withoutBody = false } = {}): Promise<RawResponse> {
    await this.seen('\r\n\r\n')
    const end = this.#received.indexOf('\r\n\r\n') + 4
    const { statusCode, headers } = parseHead(this.#received.slice(0, end))
    const length = withoutBody ? 0 : Number(headers.get('content-length') ?? 0)
    while (this.#received.length < end + length) await this.#more()
    const body = this.#received.slice(end, end + length)
    this.#received = this.#received.slice(end + length)
    return { statusCode, headers, body }
  }

  /** Leaves at once. By default with a reset, as a crashed or killed client does. */
  hangUp(how: 'reset' | 'close' = 'reset'): void {
    if (how === 'reset') this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  async #more(): Promise<void> {
    if (this.socket.destroyed || this.socket.readableEnded) {
      throw new Error(`Connection ended after ${JSON.stringify(this.#received.slice(0, 200))}`)
    }
    const heard = new AbortController()
    const options = { signal: heard.signal }
    try {
      await Promise.race([once(this.socket, 'data', options), once(this.socket, 'close', options)])
    } finally {
      heard.abort()
    }
  }
}

function serialize({ method = 'GET', path = '/', headers = {}, body }: RawRequest): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: localhost']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  if (body !== undefined) lines.push(`content-length: ${body.length}`)
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}

function parseHead(head: string): Pick<RawResponse, 'statusCode' | 'headers'> {
  const [status = '', ...lines] = head.trimEnd().split('\r\n')
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  return { statusCode: Number(status.split(' ')[1]), headers }
}
