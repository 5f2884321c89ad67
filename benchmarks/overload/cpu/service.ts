// The process of one contestant: handlers that burn processor time, and a report ten times a second.
import type { AddressInfo } from 'node:net'
import { sharedNow } from '@spillway/example-slow-database/clock.ts'
import type { ShopMessage } from '@spillway/example-slow-database/shop/process.ts'
import { countRequests } from '@spillway/example-slow-database/shop/request-counts.ts'
import type { FastifyInstance } from 'fastify'
import type { Work } from './busy-routes.ts'
import { burn } from './work.ts'

/** What it is started with, as JSON in its first argument. */
export interface ServiceStart {
  /** URL of a module that exports `createService(work)`. */
  readonly module: string
  /** Rounds of work in each handler, for each millisecond that the request asks for (1). */
  readonly iterations: number
}

/** In which a request says what its handler is to take, where requests are unlike. */
const workHeader = 'x-work-ms'

interface ServiceModule {
  readonly createService: (work: Work) => Promise<FastifyInstance>
}

const reportEveryMs = 100

async function main({ module, iterations }: ServiceStart): Promise<void> {
  // Whoever started us ends us by closing the channel; Ctrl-C reaches the whole process group.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    process.exit()
  })
  const { createService } = (await import(module)) as ServiceModule
  const app = await createService(({ headers }) => {
    burn(Math.round(iterations * Number(headers[workHeader] ?? 1)))
  })
  const counts = countRequests(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  send({ type: 'listening', url: `http://127.0.0.1:${port}` })
  setInterval(() => {
    const refusedMs = counts.refusedMs.splice(0)
    const report = { at: sharedNow(), ...counts, refusedMs, running: 0, poolWaiting: 0 }
    send({ type: 'report', report })
  }, reportEveryMs)
}

function send(message: ShopMessage): void {
  if (process.connected) process.send?.(message)
}

await main(JSON.parse(process.argv[2]!) as ServiceStart)
