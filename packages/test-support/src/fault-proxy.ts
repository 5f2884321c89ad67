import { createServer, Socket } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { once } from 'node:events'

/** What the proxy does with bytes that reach it. */
type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'stall' }

/** A TCP proxy that can make a healthy server look slow, hung, or dead. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number
  /** Client connections that are open right now. */
  readonly connections: number
  /** Passes everything on, and what was held back first. */
  heal(): void
  /** Every chunk, in both directions, takes this much longer. */
  delay(ms: number): void
  /**
   * A black hole: connections are accepted and bytes held, nothing is closed. Of connections that are
   * made now, the server hears when it is healed, and of those that were given up before, never.
   */
  stall(): void
  /** Resets (RST) every open connection; new ones are served. */
  reset(): void
  /** Resets every open connection and refuses new ones (ECONNREFUSED) until `accept`. */
  refuse(): Promise<void>
  accept(): Promise<void>
  close(): Promise<void>
}

/** Starts a proxy on a free loopback port in front of `target`. */
export async function startFaultProxy(target: { readonly port: number }): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(target.port)
  await proxy.accept()
  return proxy
}

class TcpFaultProxy implements FaultProxy {
  readonly #targetPort: number
  readonly #links = new Set<Link>()
  #server: Server | undefined
  #port = 0
  #fault: Fault = { kind: 'none' }

  constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  get port(): number {
    return this.#port
  }

  get connections(): number {
    return this.#links.size
  }

  heal(): void {
    this.#setFault({ kind: 'none' })
  }

  delay(ms: number): void {
    this.#setFault({ kind: 'delay', ms })
  }

  stall(): void {
    this.#setFault({ kind: 'stall' })
  }

  reset(): void {
    for (const link of this.#links) link.reset()
  }

  async refuse(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    this.reset()
    await closed
  }

  async accept(): Promise<void> {
    if (this.#server !== undefined) return
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      this.#connect(client)
    })
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    await this.refuse()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #connect(client: Socket): void {
    const link = new Link(client, this.#targetPort, this.#fault)
    this.#links.add(link)
    client.once('close', () => this.#links.delete(link))
  }

  #setFault(fault: Fault): void {
    this.#fault = fault
    for (const link of this.#links) link.setFault(fault)
  }
}

/** One client connection and its twin to the server. */
class Link {
  readonly #pipes: readonly Pipe[]
  readonly #client: Socket
  readonly #server: Socket
  readonly #targetPort: number
  #isConnected = false

  constructor(client: Socket, targetPort: number, fault: Fault) {
    const server = new Socket({ allowHalfOpen: true })
    this.#client = client
    this.#server = server
    this.#targetPort = targetPort
    this.#pipes = [new Pipe(client, server, fault), new Pipe(server, client, fault)]
    client.setNoDelay(true)
    server.setNoDelay(true)
    for (const socket of [client, server]) {
      socket.on('error', () => {
        this.reset()
      })
    }
    this.#connectUnless(fault)
  }

  setFault(fault: Fault): void {
    this.#connectUnless(fault)
    for (const pipe of this.#pipes) pipe.setFault(fault)
  }

  reset(): void {
    this.#client.resetAndDestroy()
    this.#server.resetAndDestroy()
  }

  #connectUnless({ kind }: Fault): void {
    if (this.#isConnected || kind === 'stall') return
    this.#isConnected = true
    if (this.#client.readableEnded) this.reset()
    else this.#server.connect({ port: this.#targetPort, host: '127.0.0.1' })
  }
}

/** One direction; chunks (and the end, `undefined`) leave in the order in which they came. */
class Pipe {
  readonly #to: Socket
  readonly #held: { readonly chunk: Buffer | undefined; readonly dueAt: number }[] = []
  #fault: Fault
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, fault: Fault) {
    this.#to = to
    this.#fault = fault
    from.on('data', (chunk) => {
      this.#take(chunk)
    })
    from.on('end', () => {
      this.#take(undefined)
    })
    // Not when `from` closes: what it said before may still be held here.
    to.once('close', () => {
      clearTimeout(this.#timer)
      this.#held.length = 0
    })
  }

  setFault(fault: Fault): void {
    this.#fault = fault
    this.#flush()
  }

  #take(chunk: Buffer | undefined): void {
    const delayMs = this.#fault.kind === 'delay' ? this.#fault.ms : 0
    this.#held.push({ chunk, dueAt: performance.now() + delayMs })
    this.#flush()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    if (this.#fault.kind === 'stall') return
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      const leftMs = next.dueAt - performance.now()
      if (leftMs > 0 && this.#fault.kind === 'delay') {
        this.#timer = setTimeout(() => {
          this.#flush()
        }, leftMs)
        return
      }
      this.#held.shift()
      this.#pass(next.chunk)
    }
  }

  #pass(chunk: Buffer | undefined): void {
    if (chunk === undefined) this.#to.end()
    else this.#to.write(chunk)
  }
}
