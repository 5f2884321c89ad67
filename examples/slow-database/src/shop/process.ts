import type { AddressInfo } from 'node:net'
// Add `limiters` and `guards` to the type of an application.
import type {} from '@spillway/concurrency-limit'
import type {} from '@spillway/guard'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { sharedNow } from '../clock.ts'
import type { ShopConnection } from '../database/database.ts'
import type { RequestCounts } from './request-counts.ts'
import { countRequests } from './request-counts.ts'

/** What a shop's process is started with, as JSON in its first argument. */
export interface ShopStart {
  /** URL of a module that exports `createShop(pool, facts)`. */
  readonly module: string
  readonly connection: ShopConnection
  readonly poolSize: number
  readonly facts: ShopFacts
}

/** What only somebody who tunes a service by hand would know; Spillway is never told. */
export interface ShopFacts {
  /** Queries that the database can run at once. */
  readonly slots: number
  /** Queries a second that it can do while it is healthy. */
  readonly capacityPerSecond: number
  /** What the clients wait for an answer. */
  readonly deadlineMs: number
}

/** What goes on inside a shop, ten times a second. */
export interface ShopReport {
  /** By `sharedNow`. */
  readonly at: number
  /** Requests that ever reached the service: proof of the arrival rate. */
  readonly arrived: number
  /** Requests that are neither answered nor given up. */
  readonly open: number
  /** Queries that were handed to a connection. */
  readonly running: number
  /** Queries that wait in the pool for a connection. */
  readonly poolWaiting: number
  /** What each refusal since the last report took, from the request's arrival to its answer. */
  readonly refusedMs: readonly number[]
  /** Permits for the database, where there are any; `queued` counts those at the door, too. */
  readonly limiter?: { readonly limit: number; readonly inFlight: number; readonly queued: number }
}

export type ShopMessage =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'report'; readonly report: ShopReport }

/** What a module of a shop exports. */
export interface ShopModule {
  createShop(pool: pg.Pool, facts: ShopFacts): Promise<FastifyInstance>
}

const reportEveryMs = 100

async function main(start: ShopStart): Promise<void> {
  // Whoever started us ends us by closing the channel; Ctrl-C reaches the whole process group.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    process.exit()
  })
  const shop = (await import(start.module)) as ShopModule
  const pool = new pg.Pool({ ...start.connection, max: start.poolSize, idleTimeoutMillis: 0 })
  pool.on('error', () => {})
  await connectAll(pool, start.poolSize)
  const app = await shop.createShop(pool, start.facts)
  const counts = countRequests(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  send({ type: 'listening', url: `http://127.0.0.1:${port}` })
  setInterval(() => {
    send({ type: 'report', report: report(app, pool, counts) })
  }, reportEveryMs)
}

/** Connections are made before the story starts: it is about queries, not about logins. */
async function connectAll(pool: pg.Pool, count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, async () => pool.connect()))
  for (const client of clients) client.release()
}

function report(app: FastifyInstance, pool: pg.Pool, counts: RequestCounts): ShopReport {
  const limiter = limiterOf(app)
  const refusedMs = counts.refusedMs.splice(0)
  return {
    at: sharedNow(),
    ...counts,
    refusedMs,
    running: pool.totalCount - pool.idleCount,
    poolWaiting: pool.waitingCount,
    ...(limiter === undefined ? {} : { limiter }),
  }
}

function limiterOf(app: FastifyInstance): ShopReport['limiter'] {
  if (!app.hasDecorator('guards')) return undefined
  const [guard] = app.guards.values()
  if (guard === undefined) return undefined
  const { limit, inFlight, queued } = guard.limiter
  return { limit, inFlight, queued: queued + queuedAtDoor(app) }
}

function queuedAtDoor(app: FastifyInstance): number {
  if (!app.hasDecorator('limiters')) return 0
  return app.limiters.stats().reduce((sum, { queued }) => sum + queued, 0)
}

function send(message: ShopMessage): void {
  if (process.connected) process.send?.(message)
}

await main(JSON.parse(process.argv[2]!) as ShopStart)
