import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Calls it works on at once; more wait in line, as in a database. */
const slots = 4
const meanServiceMs = 20
/** In the last ten seconds of every minute everything takes this much longer. */
const slowFactor = 5
const slowFromMs = 50_000

/** Calls a second it can answer while it is not slow. */
export const capacityPerSecond: number = (slots * 1000) / meanServiceMs

/** An HTTP server with a few slots and a random service time. */
export class Downstream {
  readonly #server: Server
  readonly #line: ServerResponse[] = []
  readonly #startedAt = performance.now()
  #working = 0

  constructor() {
    this.#server = createServer((request, response) => {
      request.resume()
      this.#line.push(response)
      this.#work()
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  #work(): void {
    while (this.#working < slots) {
      const response = this.#line.shift()
      if (response === undefined) return
      if (response.destroyed) continue
      this.#working += 1
      setTimeout(() => {
        this.#working -= 1
        response.end('{"stock":3}')
        this.#work()
      }, this.#serviceMs())
    }
  }

  #serviceMs(): number {
    const isSlow = (performance.now() - this.#startedAt) % 60_000 >= slowFromMs
    return -Math.log(1 - Math.random()) * meanServiceMs * (isSlow ? slowFactor : 1)
  }
}
