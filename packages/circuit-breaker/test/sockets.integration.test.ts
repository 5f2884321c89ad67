import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { Writable } from 'node:stream'
import { HangUpClient } from '@spillway/test-support'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import type { CircuitOptions } from '../src/index.ts'
import { circuitBreaker } from '../src/index.ts'

/** A TCP service that says one byte to whoever connects, until it is told to be silent or closed. */
class Downstream {
  connections = 0
  isSilent = false
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  port = 0

  async start(): Promise<void> {
    this.#server = createServer((socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      if (!this.isSilent) socket.write('.')
    })
    this.#server.listen({ port: this.port, host: '127.0.0.1' })
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    if (this.#server?.listening !== true) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  get open(): number {
    return this.#sockets.size
  }
}

interface Service {
  readonly app: FastifyInstance
  readonly client: HangUpClient
  readonly downstream: Downstream
  readonly logs: { msg: string; to?: string; breaker?: string; level: number }[]
  ask(): Promise<{ statusCode: number; retryAfter: string | undefined; body: string }>
}

async function makeService(options: CircuitOptions): Promise<Service> {
  const downstream = new Downstream()
  await downstream.start()
  const logs: Service['logs'] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logs.push(JSON.parse(chunk.toString()) as (typeof logs)[number])
      done()
    },
  })
  const app = Fastify({ logger: { stream }, forceCloseConnections: true })
  await app.register(circuitBreaker)
  const byte = app.breakers.define(
    'byte',
    async (_input: void, { signal }) => {
      const { connect } = await import('node:net')
      const socket = connect({ port: downstream.port, host: '127.0.0.1', signal })
      try {
        const [data] = (await once(socket, 'data', { signal })) as [Buffer]
        return data.toString()
      } finally {
        socket.destroy()
      }
    },
    options,
  )
  app.get('/', () => byte.fire())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = await HangUpClient.connect((app.server.address() as AddressInfo).port)
  onTestFinished(async () => {
    client.hangUp()
    await app.close()
    await downstream.stop()
  })
  return {
    app,
    client,
    downstream,
    logs,
    async ask() {
      await client.send()
      const { statusCode, headers, body } = await client.response()
      return { statusCode, retryAfter: headers.get('retry-after'), body }
    },
  }
}

test('a downstream that refuses connections is cut off, told of, and found again', async () => {
  const { app, downstream, logs, ask } = await makeService({ windowMs: 60_000 })
  expect(await ask()).toMatchObject({ statusCode: 200, body: '.' })
  await downstream.stop()
  for (let asked = 0; asked < 9; asked += 1) expect((await ask()).statusCode).toBe(500)
  const refused = await ask()
  expect(refused.statusCode).toBe(503)
  expect(JSON.parse(refused.body)).toEqual({
    statusCode: 503,
    code: 'SPW_ERR_CIRCUIT_OPEN',
    error: 'Service Unavailable',
    message: 'The circuit is open',
  })
  // At least a second, at most twice that and one.
  expect(['1', '2']).toContain(refused.retryAfter)
  await downstream.start()
  const giveUpAt = performance.now() + 10_000
  while (app.breakers.get('byte')!.state !== 'closed' && performance.now() < giveUpAt) await ask()
  expect(app.breakers.get('byte')!.state).toBe('closed')
  const changes = logs.filter(({ msg }) => msg === 'circuit changed')
  expect(changes.map(({ to }) => to)).toEqual(['open', 'half_open', 'closed'])
  expect(changes[0]).toMatchObject({ level: 30, plugin: 'circuit-breaker', breaker: 'byte' })
})

test('a silent downstream: its callers are answered in time and its sockets closed', async () => {
  const { app, downstream, ask } = await makeService({ timeoutMs: 50, minimumCalls: 3 })
  downstream.isSilent = true
  const answers = [await ask(), await ask(), await ask(), await ask()]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([504, 504, 504, 503])
  expect(answers[0]!.retryAfter).toBeUndefined()
  expect(app.breakers.stats()).toMatchObject([{ timeouts: 3, inFlight: 0 }])
  const giveUpAt = performance.now() + 10_000
  while (downstream.open > 0 && performance.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect([downstream.connections, downstream.open]).toEqual([3, 0])
})
