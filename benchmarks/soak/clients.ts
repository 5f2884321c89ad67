import { Agent, request } from 'node:http'
import type { ClientRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { priorities } from '@spillway/core'

/** What clients got. */
export interface ClientCounts {
  sent: number
  /** By status. */
  readonly answers: Record<string, number>
  hungUp: number
  failed: number
}

const hangUpRatio = 0.1
const meanPatienceMs = 60
/** A client that never gets an answer gives up: the soak must end. */
const giveUpMs = 20_000

/** Clients that come at a constant rate at random moments, whatever the answers. */
export class Clients {
  readonly counts: ClientCounts = { sent: 0, answers: {}, hungUp: 0, failed: 0 }
  readonly #port: number
  #agent = new Agent()
  #outstanding = 0
  #stopped = false

  constructor(port: number) {
    this.#port = port
  }

  /** Sends until `stop`, and comes back when everybody has been answered. */
  async send(perSecond: number): Promise<void> {
    this.#stopped = false
    this.#agent = new Agent({ keepAlive: true, maxSockets: 500 })
    let dueAt = performance.now()
    while (!this.#stopped) {
      dueAt += (-Math.log(1 - Math.random()) * 1000) / perSecond
      const earlyMs = dueAt - performance.now()
      if (earlyMs > 1) await sleep(earlyMs)
      this.#sendOne()
    }
    while (this.#outstanding > 0) await sleep(20)
    this.#agent.destroy()
  }

  stop(): void {
    this.#stopped = true
  }

  #sendOne(): void {
    this.counts.sent += 1
    this.#outstanding += 1
    const isOrder = Math.random() < 0.2
    const call = request({
      host: '127.0.0.1',
      port: this.#port,
      agent: this.#agent,
      method: isOrder ? 'POST' : 'GET',
      path: pathOf(isOrder),
      headers: headers(),
      timeout: giveUpMs,
    })
    call.on('response', (response) => {
      const status = String(response.statusCode)
      this.counts.answers[status] = (this.counts.answers[status] ?? 0) + 1
      response.on('error', () => undefined).resume()
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => {
      this.counts.failed += 1
    })
    const hangUp = this.#mayHangUp(call)
    call.on('close', () => {
      clearTimeout(hangUp)
      this.#outstanding -= 1
    })
    call.end(isOrder ? JSON.stringify({ item: 7, note: 'x'.repeat(Math.random() * 4000) }) : '')
  }

  #mayHangUp(call: ClientRequest): NodeJS.Timeout | undefined {
    if (Math.random() >= hangUpRatio) return undefined
    return setTimeout(
      () => {
        this.counts.hungUp += 1
        call.destroy()
      },
      -Math.log(1 - Math.random()) * meanPatienceMs,
    )
  }
}

function pathOf(isOrder: boolean): string {
  if (isOrder) return '/orders'
  if (Math.random() < 0.2) return '/pause'
  // Names that never come back: whoever keeps them grows.
  return `/items?name=${randomName()}&via=${Math.random() < 0.5 ? 'run' : 'fetch'}`
}

function headers(): Record<string, string> {
  return {
    'content-type': 'application/json',
    'x-priority': priorities[Math.floor(Math.random() * priorities.length)]!,
    'x-tenant': Math.random() < 0.5 ? `tenant-${Math.floor(Math.random() * 5)}` : randomName(),
    ...(Math.random() < 0.7 ? { 'x-deadline-ms': String(Math.ceil(Math.random() * 1500)) } : {}),
  }
}

/** Long, so that it shows. */
function randomName(): string {
  return `${Math.random().toString(36).slice(2)}${'-'.repeat(240)}`
}
