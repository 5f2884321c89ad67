// The process of one contestant: a service with two databases, and a report ten times a second.
import type { AddressInfo } from 'node:net'
import { sharedNow } from '@spillway/example-slow-database/clock.ts'
import type { ShopConnection } from '@spillway/example-slow-database/database/database.ts'
import type { ShopFacts, ShopMessage } from '@spillway/example-slow-database/shop/process.ts'
import { countRequests } from '@spillway/example-slow-database/shop/request-counts.ts'
import fastify from 'fastify'
import pg from 'pg'
import type { Protect } from '../contestants/protection.ts'
import { addRoutes } from './routes.ts'

/** What it is started with, as JSON in its first argument. */
export interface ServiceStart {
  /** URL of a module that exports `protect(app, facts)`. */
  readonly module: string
  readonly orders: ShopConnection
  readonly products: ShopConnection
  readonly facts: ShopFacts
}

const reportEveryMs = 100
/** Connections to each database: more than the slots of the larger one. */
const poolSizes = { orders: 100, products: 20 } as const

async function main({ module, orders, products, facts }: ServiceStart): Promise<void> {
  // Whoever started us ends us by closing the channel; Ctrl-C reaches the whole process group.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    process.exit()
  })
  const { protect } = (await import(module)) as { readonly protect: Protect }
  const ordersPool = await connectedPool(orders, poolSizes.orders)
  const productsPool = await connectedPool(products, poolSizes.products)
  const app = fastify()
  const queryOf = await protect(app, facts)
  addRoutes(app, {
    orders: queryOf(ordersPool, 'orders-db'),
    products: queryOf(productsPool, 'products-db'),
  })
  const counts = countRequests(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  send({ type: 'listening', url: `http://127.0.0.1:${port}` })
  setInterval(() => {
    const refusedMs = counts.refusedMs.splice(0)
    const running = ordersPool.totalCount - ordersPool.idleCount
    const poolWaiting = ordersPool.waitingCount
    send({
      type: 'report',
      report: { at: sharedNow(), ...counts, refusedMs, running, poolWaiting },
    })
  }, reportEveryMs)
}

/** Connections are made before the story starts: it is about requests, not about logins. */
async function connectedPool(connection: ShopConnection, max: number): Promise<pg.Pool> {
  const pool = new pg.Pool({ ...connection, max, idleTimeoutMillis: 0 })
  pool.on('error', () => {})
  const clients = await Promise.all(Array.from({ length: max }, async () => pool.connect()))
  for (const client of clients) client.release()
  return pool
}

function send(message: ShopMessage): void {
  if (process.connected) process.send?.(message)
}

await main(JSON.parse(process.argv[2]!) as ServiceStart)
